/** Publishes one message to JetStream and waits until the stream has it. */

import { StoreUnavailableError } from '@cim/core'
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/nats-core'

/** The message will never be taken as it is. */
export class UnpublishableError extends Error {
  override readonly name = 'UnpublishableError'
}

interface Acknowledgment {
  readonly stream?: string
  readonly seq?: number
  readonly error?: { readonly err_code: number; readonly description: string }
}

// https://github.com/nats-io/nats-server/blob/main/server/errors.json
const messageTooLarge = 10_054
const maximumPerSubject = 10_077

/** Every message has a `Nats-Msg-Id`. */
export class JetStreamPublish {
  readonly #connection: NatsConnection
  readonly #timeout: number
  #manager: Promise<JetStreamManager> | undefined

  /** @param timeoutMs how long the server may take to acknowledge */
  constructor(connection: NatsConnection, timeoutMs: number) {
    this.#connection = connection
    this.#timeout = timeoutMs
  }

  /**
   * @param subject where it goes
   * @param body its content
   * @param headers with its id
   * @param what it is, for messages
   * @throws {UnpublishableError} when it can never be taken
   * @throws {StoreUnavailableError} when it is not known whether it was: publish it again
   */
  async publish(subject: string, body: Uint8Array, headers: MsgHdrs, what: string): Promise<void> {
    const reply = await this.#send(subject, body, headers, what)
    let acknowledgment: Acknowledgment | null = null
    try {
      acknowledgment = reply.json<Acknowledgment | null>()
    } catch {
      // Said below.
    }
    const error = acknowledgment?.error
    if (error === undefined) {
      if (typeof acknowledgment?.stream === 'string' && typeof acknowledgment.seq === 'number') return
      throw new StoreUnavailableError(
        `${what} was answered on ${subject} by something else than JetStream: ${reply.string().slice(0, 200)}. ` +
          'Let no service listen to the subjects of events.',
      )
    }
    const said = `${error.err_code} ${error.description}`
    switch (error.err_code) {
      case messageTooLarge:
        throw new UnpublishableError(
          `${what} is larger than its stream accepts (${said}). Raise the stream's max_msg_size.`,
        )
      case maximumPerSubject:
        return this.#checkStored(subject, headers.get('Nats-Msg-Id'), what)
      default:
        throw new StoreUnavailableError(`${what} was refused by JetStream: ${said}. It is published again.`)
    }
  }

  async #send(subject: string, payload: Uint8Array, headers: MsgHdrs, what: string): Promise<Msg> {
    const { info } = this.#connection
    const size = payload.length + headers.toString().length
    if (info !== undefined && size > info.max_payload) {
      throw new UnpublishableError(
        `${what} takes ${size} bytes as a message, the server accepts ${info.max_payload}. Raise its max_payload, or choose a smaller form.`,
      )
    }
    try {
      return await this.#connection.request(subject, payload, { timeout: this.#timeout, headers })
    } catch (cause) {
      throw new StoreUnavailableError(
        `${what} was not acknowledged within ${this.#timeout} ms (${(cause as Error).message}). Check that the servers run, ` +
          `that a stream takes ${subject}, and that this user may publish there. It is published again.`,
        { cause },
      )
    }
  }

  /** A stream with one message per subject keeps repeats out at any age: is it this event that it has? */
  async #checkStored(subject: string, id: string, what: string): Promise<void> {
    try {
      this.#manager ??= jetstreamManager(this.#connection, { timeout: this.#timeout })
      const manager = await this.#manager
      const stream = await manager.streams.find(subject)
      const stored = await manager.streams.getMessage(stream, { last_by_subj: subject })
      if (stored?.header.get('Nats-Msg-Id') === id) return
    } catch (cause) {
      this.#manager = undefined
      throw new StoreUnavailableError(
        `${what}: could not look up what stands under ${subject}. It is published again.`,
        {
          cause,
        },
      )
    }
    throw new UnpublishableError(
      `${what} cannot be published: another event stands under ${subject} already. Do two event stores publish to one stream?`,
    )
  }
}
