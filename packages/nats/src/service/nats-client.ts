/** Sends commands and queries to services over NATS. */

import {
  type Command,
  type CommandAcknowledgment,
  checkOptions,
  checkWholeNumber,
  createUuidGenerator,
  InvalidOptionError,
  type Query,
} from '@cim/core'
import { errors, headers, type Msg, type NatsConnection, RequestError } from '@nats-io/nats-core'
import { decodeAcknowledgment } from '../wire/acknowledgment-codec.ts'
import { parseJson } from '../wire/json-body.ts'
import { encodeCommand, encodeQuery } from '../wire/request-codec.ts'
import {
  isMediaType,
  problemContentType,
  type ReceivedMessage,
  type WireForm,
  type WireMessage,
} from '../wire/wire-message.ts'
import {
  RemoteProblemError,
  ServiceTimeoutError,
  ServiceUnreachableError,
  SubjectCapturedError,
} from './service-errors.ts'
import { ServiceSubjects } from './service-subjects.ts'

/** What {@link NatsClient} takes. */
export interface NatsClientOptions {
  readonly connection: NatsConnection
  /** As that of the service. */
  readonly subjectPrefix?: string
  /** `json` when left out. */
  readonly form?: WireForm
  /** How long an answer may take; 5,000 ms when left out. */
  readonly timeoutMs?: number
}

/** Options of a request. */
export interface RequestOptions {
  /** How long this answer may take. */
  readonly timeoutMs?: number
  /** Further headers, for instance what the service authenticates by. */
  readonly headers?: Readonly<Record<string, string>>
}

/** Calls one service, or several with one prefix. */
export class NatsClient {
  readonly #connection: NatsConnection
  readonly #subjects: ServiceSubjects
  readonly #form: WireForm
  readonly #timeoutMs: number
  readonly #newId = createUuidGenerator()

  /** @throws {InvalidOptionError} when an option is unknown or not acceptable */
  constructor(options: NatsClientOptions) {
    checkOptions('NatsClient', options, ['connection', 'subjectPrefix', 'form', 'timeoutMs'])
    const { form = 'json', timeoutMs = 5000 } = options
    if (form !== 'json' && form !== 'serde') {
      throw new InvalidOptionError('NatsClient', 'form', `must be 'json' or 'serde', got ${JSON.stringify(form)}.`)
    }
    this.#connection = options.connection
    this.#subjects = new ServiceSubjects('NatsClient', options.subjectPrefix)
    this.#form = form
    this.#timeoutMs = checkTimeout(timeoutMs)
  }

  /**
   * Sends a command. One without an id is given one, so that it can be sent again.
   * @param aggregateType whose command it is
   * @param command plain JSON
   * @param options `mode` `async`: the service acknowledges Pending once the command is durable
   * @throws {RemoteProblemError} with the code of the service's error
   * @throws {ServiceTimeoutError} with the id to send it again under
   * @throws {ServiceUnreachableError} when nobody listens
   */
  async dispatch(
    aggregateType: string,
    command: Command,
    options: RequestOptions & { readonly mode?: 'sync' | 'async' } = {},
  ): Promise<CommandAcknowledgment> {
    checkOptions('dispatch', options, ['timeoutMs', 'headers', 'mode'])
    const commandId = command.commandId ?? this.#newId()
    const message = encodeCommand({ ...command, commandId }, this.#form)
    const mode = options.mode === 'async' ? { Prefer: 'respond-async' } : undefined
    const request = { ...message, headers: { ...options.headers, ...message.headers, ...mode } }
    const subject = this.#subjects.command(aggregateType, command.commandType)
    const reply = await this.#request(subject, request, checkTimeout(options.timeoutMs ?? this.#timeoutMs), commandId)
    return decodeAcknowledgment(reply, commandId)
  }

  /**
   * Asks a query.
   * @returns undefined when what was asked for does not exist
   * @throws {RemoteProblemError} with the code of the service's error
   * @throws {ServiceTimeoutError} when no answer came in time, on top of what the query itself waits
   * @throws {ServiceUnreachableError} when nobody listens
   */
  async query<TResult = unknown>(query: Query, options: RequestOptions = {}): Promise<TResult | undefined> {
    checkOptions('query', options, ['timeoutMs', 'headers'])
    const message = encodeQuery(query, this.#form)
    const request = { ...message, headers: { ...options.headers, ...message.headers } }
    const timeoutMs = checkTimeout(options.timeoutMs ?? this.#timeoutMs) + (query.waitMs ?? 0)
    const { body } = await this.#request(this.#subjects.query(query.queryType), request, timeoutMs)
    return (parseJson(body, 'answer to a query') ?? undefined) as TResult | undefined
  }

  async #request(
    subject: string,
    message: WireMessage,
    timeoutMs: number,
    commandId?: string,
  ): Promise<ReceivedMessage> {
    const values = headers()
    for (const [name, value] of Object.entries(message.headers)) values.set(name, value)
    let reply: Msg
    try {
      reply = await this.#connection.request(subject, message.body, { timeout: timeoutMs, headers: values })
    } catch (cause) {
      if (cause instanceof RequestError && cause.isNoResponders()) throw new ServiceUnreachableError(subject, { cause })
      if (cause instanceof errors.TimeoutError) {
        throw new ServiceTimeoutError(`The request to ${subject}`, timeoutMs, commandId, { cause })
      }
      throw cause
    }
    const received = {
      headers: Object.fromEntries([...(reply.headers ?? [])].map(([name, [value = '']]) => [name, value])),
    }
    if (isMediaType(reply.headers?.get('Content-Type'), problemContentType)) throw toError(reply)
    if (reply.headers === undefined) assertNoPublishAck(subject, reply)
    return { ...received, body: reply.data }
  }
}

function checkTimeout(timeoutMs: number): number {
  return checkWholeNumber('NatsClient', 'timeoutMs', timeoutMs, { least: 1, most: 2 ** 31 - 1 })
}

function toError(reply: Msg): RemoteProblemError {
  const problem = (parseJson(reply.data, 'problem') ?? {}) as Readonly<Record<string, unknown>>
  const { code = 'internal', title = '', detail = '' } = problem
  return new RemoteProblemError(String(code), `The service says: ${String(title)} ${String(detail)}`, problem)
}

/** What a service answers has headers; what JetStream answers has none. */
function assertNoPublishAck(subject: string, reply: Msg): void {
  let answer: unknown
  try {
    answer = reply.json()
  } catch {
    return
  }
  if (typeof answer !== 'object' || answer === null || !('stream' in answer) || !('seq' in answer)) return
  throw new SubjectCapturedError(subject, String(answer.stream))
}
