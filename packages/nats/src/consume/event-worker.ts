/** Handles events one at a time: attempts, waits between them, and the parking of those that fail. */

import { setTimeout as sleep } from 'node:timers/promises'
import { HandlerTimeoutError, isCimError, nextAttemptMs } from '@cim/core'
import { BoundedMap } from '../messages/bounded-map.ts'
import type { ConsumedMessage } from './consumed-message.ts'
import type { CheckedConsumerOptions } from './consumer-options.ts'
import type { Lanes } from './lanes.ts'
import type { ParkedEvent, ParkedEvents } from './parked-events.ts'

/** An event to handle. */
export interface Work {
  readonly message: ConsumedMessage
  readonly deliveryCount: number
  /** Aborts when the event is no longer ours. */
  readonly signal: AbortSignal
  /** @returns false when another process may have it by now */
  readonly isOurs: () => boolean
}

/** `done`: handled, or parked: it must not come again. `left`: another process gets it. */
export type WorkResult = 'done' | 'left'

type Attempt =
  | { readonly kind: WorkResult }
  | { readonly kind: 'failed'; readonly error: unknown; readonly attempts: number }

const parkPauseMs = 500

/** What the handler, the memory of event ids and the bucket of parked events make of a message. */
export class EventWorker {
  readonly #options: CheckedConsumerOptions
  readonly #lanes: Lanes
  readonly #parked: ParkedEvents
  readonly #stopping: AbortSignal
  readonly #handled: BoundedMap<string, true>

  constructor(options: CheckedConsumerOptions, lanes: Lanes, parked: ParkedEvents, stopping: AbortSignal) {
    this.#options = options
    this.#lanes = lanes
    this.#parked = parked
    this.#stopping = stopping
    this.#handled = new BoundedMap(options.maxRemembered)
  }

  /** Handles an event that has come. Never throws. */
  async handle(work: Work): Promise<WorkResult> {
    const { message, deliveryCount } = work
    if (!this.#mayBegin(work)) return 'left'
    if (this.#parked.has(message.lane)) return this.#park(work, 'waiting', undefined, 0)
    if (deliveryCount > this.#options.maxDeliveries) {
      const error = new Error(
        `It was handed out ${deliveryCount} times and never finished: the process that handled it ended each time, or lost its connection.`,
      )
      return this.#park(work, 'failed', error, deliveryCount - 1)
    }
    const attempt = await this.#attempt(work)
    return attempt.kind === 'failed' ? this.#park(work, 'failed', attempt.error, attempt.attempts) : attempt.kind
  }

  /** Parks a message that the server has given up. Never throws. */
  giveUp(work: Work, error: Error): Promise<WorkResult> {
    return this.#park(work, 'failed', error, work.deliveryCount)
  }

  /** Does what somebody asked for with the parked events of a lane, in order. @param load reads the message of a parked event */
  async revisit(lane: string, load: (parked: ParkedEvent) => Promise<Work | undefined>): Promise<void> {
    let asked = this.#parked.first(lane)?.asked
    for (
      let parked = this.#parked.first(lane);
      parked !== undefined && asked !== undefined;
      parked = this.#parked.first(lane)
    ) {
      if (asked === 'discard') {
        const { asked: _, ...event } = parked
        await this.#parked.discard({ ...event, state: 'discarded', discardedAt: new Date().toISOString() })
        // Those behind it only waited.
        asked = 'retry'
        continue
      }
      const work = await load(parked)
      if (work === undefined || !this.#mayBegin(work)) return
      const attempt = await this.#attempt(work)
      if (attempt.kind === 'left') return
      if (attempt.kind === 'failed') {
        const failed = describeFailure(work.message, attempt.error, parked.attempts + attempt.attempts)
        await this.#parked.put({ ...failed, firstFailedAt: parked.firstFailedAt })
        return
      }
      await this.#parked.remove(parked)
    }
  }

  async #attempt(work: Work): Promise<Attempt> {
    const { event, error: unreadable } = work.message
    if (event === undefined) return { kind: 'failed', error: unreadable, attempts: 1 }
    for (let attempts = 1; ; attempts++) {
      if (!this.#mayBegin(work)) return { kind: 'left' }
      try {
        const kind = await this.#lanes.withSlot<WorkResult>(async () => {
          // It may have waited long for its turn.
          if (!this.#mayBegin(work)) return 'left'
          if (this.#handled.get(event.eventId) === true || (await this.#options.isHandled(event))) return 'done'
          await this.#call(work, attempts)
          this.#handled.set(event.eventId, true)
          return 'done'
        })
        return { kind }
      } catch (error) {
        if (work.signal.aborted) return { kind: 'left' }
        this.#options.onProblem(error)
        const pauseMs = nextAttemptMs(this.#options.failures, error, attempts, Math.random())
        if (pauseMs === undefined) return { kind: 'failed', error, attempts }
        await sleep(pauseMs, undefined, { signal: AbortSignal.any([work.signal, this.#stopping]) }).catch(
          () => undefined,
        )
      }
    }
  }

  async #call({ message, deliveryCount, signal: session }: Work, attempt: number): Promise<void> {
    const { event, position } = message
    if (event === undefined) return
    const { handler, handlerTimeoutMs } = this.#options
    const ended = new AbortController()
    const timedOut = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      const error = new HandlerTimeoutError(`The handler of ${event.eventType}`, handlerTimeoutMs)
      ended.abort(error)
      timedOut.reject(error)
    }, handlerTimeoutMs)
    const lose = (): void => ended.abort(session.reason)
    session.addEventListener('abort', lose)
    try {
      const context = { eventId: event.eventId, position, attempt, deliveryCount, signal: ended.signal }
      await Promise.race([handler(event, context), timedOut.promise])
    } finally {
      clearTimeout(timer)
      session.removeEventListener('abort', lose)
    }
  }

  /** Nothing goes on before an event that failed is parked for good. */
  async #park(work: Work, state: 'failed' | 'waiting', error: unknown, attempts: number): Promise<WorkResult> {
    const parked = { ...describeFailure(work.message, error, attempts), state }
    for (;;) {
      if (!work.isOurs()) return 'left'
      try {
        await this.#parked.put(parked)
        if (state === 'failed') this.#options.onProblem(error)
        return 'done'
      } catch (cause) {
        this.#options.onProblem(cause)
        await sleep(parkPauseMs)
        if (this.#stopping.aborted) return 'left'
      }
    }
  }

  #mayBegin({ isOurs }: Work): boolean {
    return !this.#stopping.aborted && isOurs()
  }
}

function describeFailure(
  { position, subject, lane, event }: ConsumedMessage,
  error: unknown,
  attempts: number,
): ParkedEvent {
  const now = new Date().toISOString()
  const what = event && {
    aggregateType: event.aggregateType,
    aggregateId: event.aggregateId,
    eventType: event.eventType,
    eventId: event.eventId,
  }
  const failure = error === undefined ? undefined : { failure: failureOf(error) }
  return {
    position,
    subject,
    lane,
    state: 'failed',
    ...what,
    ...failure,
    attempts,
    firstFailedAt: now,
    lastFailedAt: now,
  }
}

const longestMessage = 2000

function failureOf(error: unknown): { readonly name: string; readonly message: string } {
  const isError = error instanceof Error || isCimError(error)
  const name = isError ? error.name : typeof error
  const message = isError ? error.message : String(error)
  return { name: name.slice(0, 200), message: message.slice(0, longestMessage).toWellFormed() }
}
