/** Asks the leader of a stream, which alone knows what is newest. */

import { StoreUnavailableError } from '@cim/core'
import type { StoredMessage } from '../messages/event-message.ts'
import { type Inbox, NoAnswer } from './inbox.ts'

interface ApiError {
  readonly code: number
  readonly err_code: number
  readonly description: string
}

interface MessageAnswer {
  readonly error?: ApiError
  readonly message?: { readonly subject: string; readonly seq: number; readonly data?: string }
}

interface InfoAnswer {
  readonly error?: ApiError
  readonly state?: { readonly last_seq: number }
}

const noMessageFound = 10_037

/** Every answer comes from the leader. One that is cut off from the others may hold itself for the leader for a moment. */
export class LeaderApi {
  readonly #inbox: Inbox
  readonly #api: string
  readonly #stream: string

  constructor(inbox: Inbox, apiPrefix: string, stream: string) {
    this.#inbox = inbox
    this.#api = apiPrefix
    this.#stream = stream
  }

  /** @returns the newest message whose subject matches @throws {NoAnswer} when no leader answers */
  lastMatching(filter: string): Promise<StoredMessage | undefined> {
    return this.#message({ last_by_subj: filter })
  }

  /** @returns the message at a place of the stream @throws {NoAnswer} when no leader answers */
  messageAt(sequence: number): Promise<StoredMessage | undefined> {
    return this.#message({ seq: sequence })
  }

  /** @returns the newest place of the stream @throws {NoAnswer} when no leader answers */
  async newestSequence(): Promise<number> {
    const answer = await this.#ask<InfoAnswer>(`STREAM.INFO.${this.#stream}`, '')
    if (answer.state === undefined) throw refused(this.#stream, answer.error)
    return answer.state.last_seq
  }

  async #message(query: object): Promise<StoredMessage | undefined> {
    const { message, error } = await this.#ask<MessageAnswer>(`STREAM.MSG.GET.${this.#stream}`, JSON.stringify(query))
    if (message !== undefined) {
      const { subject, seq: sequence, data = '' } = message
      return { subject, sequence, data: Buffer.from(data, 'base64') }
    }
    if (error?.err_code === noMessageFound) return undefined
    throw refused(this.#stream, error)
  }

  async #ask<TAnswer>(call: string, payload: string): Promise<TAnswer> {
    const reply = await this.#inbox.request({ subject: `${this.#api}.${call}`, payload })
    if (reply.headers?.code === 503) throw new NoAnswer('no server answers for JetStream', true)
    return reply.json<TAnswer>()
  }
}

function refused(stream: string, error: ApiError | undefined): Error {
  const said = error === undefined ? 'an empty answer' : `${error.err_code} ${error.description}`
  // JetStream is not there for now: a leader is being elected, or the server starts.
  if (error?.code === 503) return new NoAnswer(said, true)
  return new StoreUnavailableError(
    `JetStream refused a question about the stream ${stream}: ${said}. Check that the stream exists and that this user may use it.`,
  )
}
