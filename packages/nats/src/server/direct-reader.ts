/** Reads many messages of a stream with one request, from any of its replicas. */

import { StoreUnavailableError } from '@cim/core'
import type { Msg } from '@nats-io/nats-core'
import type { StoredMessage } from '../messages/event-message.ts'
import { type Inbox, NoAnswer } from './inbox.ts'

/** What to read. @see https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-31.md */
export interface DirectGet {
  /** The newest message of each subject that matches one of these filters. */
  readonly multi_last?: readonly string[]
  /** The first place in the stream. */
  readonly seq?: number
  readonly up_to_seq?: number
  readonly batch: number
  readonly max_bytes?: number
}

/** What one replica had. */
export interface MessageRun {
  readonly messages: readonly StoredMessage[]
  /** True when there is more that was asked for. */
  readonly isCut: boolean
  /** How far the replica was, when it said so. */
  readonly upTo: number
}

/** More subjects match than a server reads at once. */
export const tooMany: unique symbol = Symbol('too many')

/** The most subjects that `multi_last` gives. */
export const mostSubjects = 1024

const nothing: MessageRun = { messages: [], isCut: false, upTo: 0 }

/** What a replica has may be older than what the leader has; it is never other. */
export class DirectReader {
  readonly #inbox: Inbox
  readonly #subject: string

  constructor(inbox: Inbox, apiPrefix: string, stream: string) {
    this.#inbox = inbox
    this.#subject = `${apiPrefix}.DIRECT.GET.${stream}`
  }

  /**
   * @returns the messages in the order of the stream, or {@link tooMany}
   * @throws {NoAnswer} when no reply came, or not every message of it: ask again
   */
  get(request: DirectGet): Promise<MessageRun | typeof tooMany> {
    return new Promise((resolve, reject) => {
      const messages: StoredMessage[] = []
      let newest = 0
      const receive = (message: Msg): boolean => {
        const reply = readReply(message)
        if (reply.status === 0) {
          if (reply.last !== newest) {
            reject(new NoAnswer(`a message of the reply is missing after ${newest}`, true))
            return true
          }
          newest = reply.sequence
          messages.push({ subject: reply.subject, sequence: reply.sequence, data: message.data })
          return false
        }
        if (reply.status === 204) {
          if (reply.last === newest) resolve({ messages, isCut: reply.pending > 0, upTo: reply.upTo })
          else reject(new NoAnswer(`the end of the reply is missing after ${newest}`, true))
        } else if (reply.status === 404) resolve(nothing)
        else if (reply.status === 413) resolve(tooMany)
        else reject(refusal(reply.status, message))
        return true
      }
      this.#inbox.send({ subject: this.#subject, payload: JSON.stringify(request) }, receive, reject)
    })
  }
}

interface Reply {
  status: number
  subject: string
  sequence: number
  /** The place of the message before it in the reply. */
  last: number
  pending: number
  upTo: number
}

function readReply({ headers }: Msg): Reply {
  const reply: Reply = { status: headers?.code ?? 0, subject: '', sequence: 0, last: 0, pending: 0, upTo: 0 }
  if (headers === undefined) return reply
  for (const [name, [value]] of headers) {
    if (value === undefined) continue
    if (name === 'Nats-Subject') reply.subject = value
    else if (name === 'Nats-Sequence') reply.sequence = Number(value)
    else if (name === 'Nats-Last-Sequence') reply.last = Number(value)
    else if (name === 'Nats-Num-Pending') reply.pending = Number(value)
    else if (name === 'Nats-UpTo-Sequence') reply.upTo = Number(value)
  }
  return reply
}

function refusal(status: number, message: Msg): Error {
  const said = `${status} ${message.headers?.description ?? ''}`.trim()
  // No replica is there to answer, or it is too busy.
  if (status === 503 || status === 429) return new NoAnswer(`the servers answered ${said}`, true)
  return new StoreUnavailableError(`JetStream refused to read from the stream: ${said}. Nothing was changed.`)
}
