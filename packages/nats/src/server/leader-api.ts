/** Asks the leader of a stream, which alone knows what is newest. */

import { StoreUnavailableError } from '@cim/core'
import type { StoredMessage } from '../messages/event-message.ts'
import { type Inbox, NoAnswer } from './inbox.ts'
import { type LeaderInfo, LeaderLease } from './leader-lease.ts'

interface ApiError {
  readonly code: number
  readonly err_code: number
  readonly description: string
}

interface MessageAnswer {
  readonly error?: ApiError
  readonly message?: { readonly subject: string; readonly seq: number; readonly data?: string }
}

interface InfoAnswer extends LeaderInfo {
  readonly error?: ApiError
  readonly state?: { readonly last_seq: number }
}

const noMessageFound = 10_037

/** Every answer comes from the leader, and not from one that the others have given up. */
export class LeaderApi {
  readonly #inbox: Inbox
  readonly #api: string
  readonly #stream: string
  readonly #lease: LeaderLease

  constructor(inbox: Inbox, apiPrefix: string, stream: string) {
    this.#inbox = inbox
    this.#api = apiPrefix
    this.#stream = stream
    this.#lease = new LeaderLease(
      () => inbox.connection.getServer(),
      () => this.#info(),
    )
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
    const { state } = await this.#lease.during(() => this.#info())
    return state.last_seq
  }

  async #info(): Promise<InfoAnswer & Required<Pick<InfoAnswer, 'state'>>> {
    const { state, ...answer } = await this.#ask<InfoAnswer>(`STREAM.INFO.${this.#stream}`, '')
    if (state === undefined) throw refused(this.#stream, answer.error)
    return { ...answer, state }
  }

  async #message(query: object): Promise<StoredMessage | undefined> {
    const call = `STREAM.MSG.GET.${this.#stream}`
    const { message, error } = await this.#lease.during(() => this.#ask<MessageAnswer>(call, JSON.stringify(query)))
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
