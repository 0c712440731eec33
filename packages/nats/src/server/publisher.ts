/** Publishes messages with version checks, and tells what the server made of them. */

import { StoreFullError, StoreUnavailableError } from '@cim/core'
import { type Msg, nuid } from '@nats-io/nats-core'
import { EncodedHeaders } from './encoded-headers.ts'
import { type Inbox, NoAnswer } from './inbox.ts'

/** A message to publish. */
export interface NewMessage {
  readonly subject: string
  readonly body: string | Uint8Array
  /** Names the subjects that are compared, see {@link AggregateSubjects.slot}. */
  readonly slot?: string
  /** The newest message that the writer knows in its slot; 0 for none. */
  readonly newest?: number
  /** Lines as {@link EncodedHeaders.add} takes them. */
  readonly headers?: string
}

/**
 * What became of a publish. `refused`: another message came first, or another writer's is under way, and nothing was
 * stored. `unknown`: no answer came.
 */
export type PublishOutcome =
  | { readonly kind: 'stored'; readonly sequence: number }
  | { readonly kind: 'refused' }
  | { readonly kind: 'unknown'; readonly cause: NoAnswer }

interface Acknowledgment {
  readonly seq?: number
  readonly error?: { readonly code: number; readonly err_code: number; readonly description: string }
}

// https://github.com/nats-io/nats-server/blob/main/server/errors.json
const wrongLastSequence: ReadonlySet<number> = new Set([10_071, 10_164, 10_201])
const storeFailed = 10_077
const isFull: ReadonlySet<number> = new Set([10_002, 10_023, 10_047, 10_028])
/** Too many requests or batches are under way, or part of a batch was lost with a connection: nothing of it is stored. */
const isBusy: ReadonlySet<number> = new Set([10_167, 10_176, 10_210, 10_211])
/** A server takes 50 batches of a stream at once, from all processes together. */
const mostBatches = 16

/** All messages of one connection leave in the order of the calls. */
export class Publisher {
  readonly #inbox: Inbox
  readonly #queue: (() => void)[] = []
  #batches = 0

  constructor(inbox: Inbox) {
    this.#inbox = inbox
  }

  /**
   * Publishes one message.
   * @throws {StoreFullError | StoreUnavailableError} when the server refuses it for good; nothing was stored
   */
  publish(message: NewMessage): Promise<PublishOutcome> {
    return this.#send(message, headersOf(message))
  }

  /**
   * Publishes several messages, all of them or none.
   * @param messages 2 to 1,000
   * @returns as for one; the sequence is that of the last, the others stand right before it
   */
  async publishAll(messages: readonly NewMessage[]): Promise<PublishOutcome> {
    if (this.#batches >= mostBatches) await new Promise<void>((resolve) => this.#queue.push(resolve))
    this.#batches++
    try {
      return await this.#sendAll(messages)
    } finally {
      this.#batches--
      this.#queue.shift()?.()
    }
  }

  #sendAll(messages: readonly NewMessage[]): Promise<PublishOutcome> {
    const batch = nuid.next()
    for (const [index, message] of messages.entries()) {
      const more = headersOf(message)
      more.set('Nats-Batch-Id', batch)
      more.set('Nats-Batch-Sequence', String(index + 1))
      if (index === messages.length - 1) {
        more.set('Nats-Batch-Commit', '1')
        return this.#send(message, more)
      }
      if (!this.#inbox.tell({ subject: message.subject, payload: message.body, headers: more })) break
    }
    return Promise.resolve({ kind: 'unknown', cause: new NoAnswer('there is no connection to the server', false) })
  }

  #send({ subject, body }: NewMessage, headers: EncodedHeaders): Promise<PublishOutcome> {
    // Whoever waits for the answer holds nothing of the message meanwhile: there may be thousands.
    const { promise, resolve, reject } = Promise.withResolvers<PublishOutcome>()
    const receive = (reply: Msg): boolean => {
      try {
        resolve(readAcknowledgment(reply))
      } catch (error) {
        reject(error)
      }
      return true
    }
    this.#inbox.send({ subject, payload: body, headers }, receive, (cause) => resolve({ kind: 'unknown', cause }))
    return promise
  }
}

function headersOf({ slot, newest = 0, headers: more }: NewMessage): EncodedHeaders {
  const result = new EncodedHeaders()
  if (slot !== undefined) {
    result.set('Nats-Expected-Last-Subject-Sequence', String(newest))
    result.set('Nats-Expected-Last-Subject-Sequence-Subject', slot)
  }
  if (more !== undefined) result.add(more)
  return result
}

function readAcknowledgment(reply: Msg): PublishOutcome {
  if (reply.headers?.code === 503) {
    return { kind: 'unknown', cause: new NoAnswer('no server answers for the stream', true) }
  }
  const { seq, error } = reply.json<Acknowledgment>()
  if (error === undefined) {
    if (seq !== undefined) return { kind: 'stored', sequence: seq }
    return { kind: 'unknown', cause: new NoAnswer('the server acknowledged without a place in the stream', true) }
  }
  const { code, err_code: errorCode, description } = error
  // The number stands for whatever hinders the store behind a stream; the text alone says that a subject is taken.
  const isTaken = errorCode === storeFailed && description.includes('per subject')
  if (isTaken || wrongLastSequence.has(errorCode)) return { kind: 'refused' }
  const said = `${errorCode} ${description}`
  if (isFull.has(errorCode)) {
    throw new StoreFullError(
      `JetStream has no room (${said}). Nothing of this append was stored. Give the server's JetStream or the account more, then repeat.`,
    )
  }
  if (isBusy.has(errorCode) || code === 503) return { kind: 'unknown', cause: new NoAnswer(said, true) }
  throw new StoreUnavailableError(
    `JetStream refused a message: ${said}. Nothing of this append was stored. Compare the stream's settings with those that JetStreamEventStore.open() makes.`,
  )
}
