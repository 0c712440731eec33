/** Serves the commands and queries of an application over NATS. */

import { createUuidGenerator, ForbiddenError } from '@cim/core'
import { headers, type Msg, type Subscription } from '@nats-io/nats-core'
import type { WireMessage } from '../wire/wire-message.ts'
import { answerCommand, answerQuery, type ServiceRequest } from './answer-request.ts'
import { assertNotCaptured } from './captured-subjects.ts'
import {
  type CheckedNatsServiceOptions,
  checkNatsServiceOptions,
  type NatsServiceOptions,
} from './nats-service-options.ts'
import { NoReplySubjectError, ReplyTooLargeError, ServiceBusyError, ServiceTimeoutError } from './service-errors.ts'
import { toProblem } from './service-problems.ts'
import { ServiceSubjects } from './service-subjects.ts'

type Answer = (request: ServiceRequest, signal: AbortSignal) => Promise<WireMessage>

/**
 * Answers requests on `commands.<Type>.<CommandType>` and `queries.<QueryType>`, shared with all processes of its queue group.
 * Whatever a request holds, it is answered, and the next one too.
 */
export class NatsService implements AsyncDisposable {
  readonly #options: CheckedNatsServiceOptions
  readonly #subjects: ServiceSubjects
  readonly #newId = createUuidGenerator()
  readonly #replying = new Set<Promise<void>>()
  #subscriptions: Subscription[] = []
  #inFlight = 0
  #starting: Promise<void> | undefined

  /** @throws {InvalidOptionError} when an option is unknown or out of range */
  constructor(options: NatsServiceOptions) {
    this.#options = checkNatsServiceOptions(options)
    this.#subjects = new ServiceSubjects('NatsService', options.subjectPrefix)
  }

  /** How many requests are being answered. */
  get inFlight(): number {
    return this.#inFlight
  }

  /**
   * Begins to listen. Does nothing when it listens already.
   * @throws {SubjectCapturedError} when a stream takes one of the subjects
   * @throws {UncheckedSubjectsError} when that cannot be found out
   * @throws {ForbiddenError} when the server does not let this user listen
   */
  start(): Promise<void> {
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = undefined
      throw error
    })
    return this.#starting
  }

  async #start(): Promise<void> {
    const { application, authenticate, connection, checkStreams } = this.#options
    const answers = new Map<string, Answer>()
    for (const aggregateType of application.aggregates.keys()) {
      answers.set(this.#subjects.command(aggregateType, '*'), (request, signal) =>
        answerCommand(application, authenticate, aggregateType, request, signal),
      )
    }
    for (const { queryType } of application.queries) {
      const answer: Answer = (request, signal) => answerQuery(application, authenticate, request, signal)
      answers.set(this.#subjects.query(queryType), answer)
    }
    if (checkStreams !== false) await assertNotCaptured(connection, [...answers.keys()])
    this.#subscriptions = [...answers].map(([subject, answer]) => this.#subscribe(subject, answer))
    // Once this is answered, every subscription is made, or was refused.
    await connection.flush()
    const refused = this.#subscriptions.find((subscription) => subscription.isClosed())
    if (refused === undefined) return
    await this.#end()
    throw new ForbiddenError(
      `The NATS server does not let this user listen on ${refused.getSubject()} in the queue group ` +
        `${this.#options.queueGroup}. Permit it to subscribe there, and to publish to _INBOX.>.`,
    )
  }

  /** Takes no more requests, answers those that have come, and stops. May be called twice. */
  async stop(): Promise<void> {
    await this.#starting?.catch(() => undefined)
    this.#starting = undefined
    await this.#end()
  }

  async #end(): Promise<void> {
    const subscriptions = this.#subscriptions.splice(0)
    await Promise.all(subscriptions.map((subscription) => (subscription.isClosed() ? undefined : subscription.drain())))
    while (this.#replying.size > 0) await Promise.all(this.#replying)
    const { connection } = this.#options
    if (!connection.isClosed()) await connection.flush()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #subscribe(subject: string, answer: Answer): Subscription {
    const { connection, queueGroup: queue } = this.#options
    return connection.subscribe(subject, {
      queue,
      callback: (error, message) => {
        if (error === null) this.#receive(message, answer)
        else this.#options.onError(error, { errorId: this.#newId(), subject })
      },
    })
  }

  #receive(message: Msg, answer: Answer): void {
    const { maxInFlight } = this.#options
    if (message.reply === undefined || message.reply === '') {
      this.#options.onError(new NoReplySubjectError(message.subject), {
        errorId: this.#newId(),
        subject: message.subject,
      })
    } else if (this.#inFlight >= maxInFlight) {
      this.#replyProblem(message, new ServiceBusyError(maxInFlight))
    } else {
      const replying = this.#reply(message, answer)
      this.#replying.add(replying)
      void replying.finally(() => this.#replying.delete(replying))
    }
  }

  /** Never throws. A request keeps its place until its work has ended, even when its answer is given up. */
  async #reply(message: Msg, answer: Answer): Promise<void> {
    const { timeoutMs } = this.#options
    const late = new AbortController()
    const tooLate = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      const error = new ServiceTimeoutError(`The request to ${message.subject}`, timeoutMs)
      late.abort(error)
      tooLate.reject(error)
    }, timeoutMs)
    this.#inFlight++
    const work = begin(answer, message, late.signal).finally(() => this.#inFlight--)
    try {
      const reply = await Promise.race([work, tooLate.promise])
      this.#send(message, reply)
    } catch (error) {
      this.#replyProblem(message, error)
    } finally {
      clearTimeout(timer)
    }
  }

  #replyProblem(message: Msg, error: unknown): void {
    const { subject } = message
    const errorId = this.#newId()
    try {
      const problem = toProblem(error, errorId)
      if (problem.isFault) this.#options.onError(error, { errorId, subject })
      this.#send(message, problem.message)
    } catch (cause) {
      this.#options.onError(cause, { errorId, subject })
    }
  }

  #send(message: Msg, { headers: values, body }: WireMessage): void {
    const result = headers()
    for (const [name, value] of Object.entries(values)) result.set(name, value)
    const limit = this.#options.connection.info?.max_payload ?? Number.POSITIVE_INFINITY
    const bytes = body.length + result.toString().length
    if (bytes > limit) throw new ReplyTooLargeError(message.subject, bytes, limit)
    message.respond(body, { headers: result })
  }
}

/** What is thrown before the first wait is caught as well. */
async function begin(answer: Answer, message: Msg, signal: AbortSignal): Promise<WireMessage> {
  const values = [...(message.headers ?? [])].map(([name, [value = '']]) => [name, value])
  return answer({ subject: message.subject, body: message.data, headers: Object.fromEntries(values) }, signal)
}
