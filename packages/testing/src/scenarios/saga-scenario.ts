/** Whole flows of sagas through a real application, in a time that the scenario moves. */

import {
  Application,
  type ApplicationOptions,
  type Command,
  type CommandAcknowledgment,
  type CountedStatus,
  checkOptions,
  checkWholeNumber,
  type DeadLetterSequence,
  type DomainEventEnvelope,
  type EventStore,
  MemoryEventStore,
  MemoryViewStore,
  parseTimestamp,
  type SagaView,
  type SnapshotStore,
  type ViewStore,
} from '@cim/core'
import { ScenarioClock } from './scenario-clock.ts'
import { ScenarioError } from './scenario-error.ts'

/** Where a scenario keeps everything; closed with it. */
export interface ScenarioStores {
  readonly eventStore: EventStore
  readonly viewStore: ViewStore
  readonly snapshotStore?: SnapshotStore
}

/** What a scenario is made of. */
export interface SagaScenarioOptions
  extends Pick<ApplicationOptions, 'aggregates' | 'sagas' | 'projections' | 'queries' | 'reactions' | 'authorize'> {
  /**
   * Opens the stores; in memory when left out.
   * @param now the time of the scenario: hand it to the event store for timestamps
   */
  readonly stores?: (now: () => number) => ScenarioStores | Promise<ScenarioStores>
  /** The time at the beginning, ISO-8601; 2026-01-01T00:00:00.000Z when left out. */
  readonly now?: string
  /** How long a scenario may be at work until it has settled, in milliseconds of the system's clock; 10,000 when left out. */
  readonly settleWithinMs?: number
}

/** A span of time, the sum of its parts. */
export interface Duration {
  readonly days?: number
  readonly hours?: number
  readonly minutes?: number
  readonly seconds?: number
  readonly ms?: number
}

const optionNames = [
  'aggregates',
  'sagas',
  'projections',
  'queries',
  'reactions',
  'authorize',
  'stores',
  'now',
  'settleWithinMs',
]
const unitsMs: Required<Duration> = { days: 86_400_000, hours: 3_600_000, minutes: 60_000, seconds: 1000, ms: 1 }
const alive: readonly CountedStatus[] = ['Running', 'Stuck']

/**
 * Starts a scenario: stop it with `await using`.
 * @param options what it is made of
 */
export async function sagaScenario(options: SagaScenarioOptions): Promise<SagaScenario> {
  checkOptions('sagaScenario', options, optionNames)
  const { stores: openStores, now = '2026-01-01T00:00:00.000Z', settleWithinMs = 10_000, ...parts } = options
  checkWholeNumber('sagaScenario', 'settleWithinMs', settleWithinMs, { least: 1 })
  const clock = new ScenarioClock(parseTimestamp(now, '/now', Number.NaN))
  const stores = (await openStores?.(clock.now)) ?? {
    eventStore: new MemoryEventStore({ now: clock.now }),
    viewStore: new MemoryViewStore(),
  }
  const scenario = new SagaScenario(parts, stores, clock, settleWithinMs)
  try {
    await scenario.application.start()
  } catch (error) {
    await scenario[Symbol.asyncDispose]()
    throw error
  }
  return scenario
}

/** An application in which time stands still unless it is told to go on. Made by {@link sagaScenario}. */
export class SagaScenario implements AsyncDisposable {
  /** For everything else, such as queries. */
  readonly application: Application
  readonly #stores: ScenarioStores
  readonly #clock: ScenarioClock
  readonly #sagaNames: readonly string[]
  /** Dead letters that the scenario was told of. */
  readonly #told = new Set<string>()
  readonly #settleWithinMs: number
  #lastError: unknown

  constructor(
    parts: Omit<SagaScenarioOptions, 'stores' | 'now' | 'settleWithinMs'>,
    stores: ScenarioStores,
    clock: ScenarioClock,
    settleWithinMs: number,
  ) {
    this.#settleWithinMs = settleWithinMs

    this.#stores = stores
    this.#clock = clock
    this.#sagaNames = (parts.sagas ?? []).map(({ sagaName }) => sagaName)
    const onError = (error: unknown): void => {
      this.#lastError = error
    }
    this.application = new Application({
      ...parts,
      ...stores,
      now: clock.now,
      onSagaError: onError,
      // No time passes between attempts.
      processors: { clock, onError, failures: { retryDelay: { firstMs: 0, mostMs: 0 } } },
    })
  }

  /** The time of the scenario, ISO-8601 in UTC. */
  get now(): string {
    return new Date(this.#clock.now()).toISOString()
  }

  /** Handles a command; what comes of its events is under way until {@link settle}. */
  dispatch(command: Command): Promise<CommandAcknowledgment> {
    return this.application.dispatch(command)
  }

  /**
   * Waits until nothing is under way: every processor has seen every event, the commands of sagas have come to their
   * aggregates, and every deadline is reached whose time has come.
   * @throws {ScenarioError} when an event could not be processed, once for each; and when it takes longer than it may
   */
  async settle(): Promise<void> {
    const signal = AbortSignal.timeout(this.#settleWithinMs)
    do {
      if (signal.aborted) throw await this.#notSettled()
    } while (!(await this.#hasSettled(signal)))
    await this.#tellDeadLetters()
  }

  /**
   * Settles, then lets time go on. Deadlines are reached at their own times, and all that comes of one settles before the next.
   * @param duration for instance `{ days: 3 }`
   * @throws {ScenarioError} as {@link settle} does
   */
  async advance(duration: Duration): Promise<void> {
    const until = this.#clock.now() + durationMs(duration)
    await this.settle()
    for (;;) {
      const next = await this.#nextDeadline()
      if (next === undefined || next > until) break
      this.#clock.moveTo(next)
      await this.settle()
    }
    this.#clock.moveTo(until)
    await this.settle()
  }

  /** @returns an instance as operators see it, undefined when there is none; as of the last {@link settle} */
  saga(sagaName: string, sagaId: string): Promise<SagaView | undefined> {
    return this.application.sagas.get(sagaName, sagaId)
  }

  /** @returns all events of an instance's journal */
  async timeline(sagaName: string, sagaId: string): Promise<readonly DomainEventEnvelope[]> {
    const events: DomainEventEnvelope[] = []
    for (;;) {
      const page = await this.application.sagas.timeline(sagaName, sagaId, events.length + 1)
      if (page.length === 0) return events
      events.push(...page)
    }
  }

  /** @returns the events of all aggregates in their order, or those of one type; without the journals of sagas */
  async events(eventType?: string): Promise<readonly DomainEventEnvelope[]> {
    const events: DomainEventEnvelope[] = []
    for (let afterPosition = 0; ; ) {
      const page = await this.#stores.eventStore.readEvents({ afterPosition })
      events.push(...page.events)
      if (page.isEnd) break
      afterPosition = page.position
    }
    return events.filter(
      (event) =>
        !this.#sagaNames.includes(event.aggregateType) && (eventType === undefined || event.eventType === eventType),
    )
  }

  /** Stops the application and closes the stores. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.application.stop()
    const { eventStore, viewStore, snapshotStore } = this.#stores
    await Promise.all([eventStore.close(), viewStore.close(), closeIfPossible(snapshotStore)])
  }

  async #hasSettled(signal: AbortSignal): Promise<boolean> {
    const { eventStore } = this.#stores
    const { processing } = this.application
    const head = await eventStore.headPosition()
    try {
      for (const name of processing.processorNames) await processing.drain(name, { signal })
    } catch (error) {
      if (!signal.aborted) throw error
    }
    const isAtWork =
      (await processing.list()).some(({ deadLetters }) => deadLetters.retryingSequences > 0) ||
      ((await this.#nextDeadline()) ?? Number.POSITIVE_INFINITY) <= this.#clock.now()
    // Nothing of this may have come after the look at the processors.
    if (!isAtWork && head === (await eventStore.headPosition())) return true
    await new Promise((resolve) => setTimeout(resolve, 1))
    return false
  }

  /** Of instances that can still reach one; milliseconds since 1970. */
  async #nextDeadline(): Promise<number | undefined> {
    let next: number | undefined
    for (const sagaName of this.#sagaNames) {
      for (const status of alive) {
        for await (const { deadlines } of this.#instances(sagaName, status)) {
          for (const { dueAt } of deadlines) next = Math.min(next ?? Number.POSITIVE_INFINITY, Date.parse(dueAt))
        }
      }
    }
    return next
  }

  async *#instances(sagaName: string, status: CountedStatus): AsyncGenerator<SagaView> {
    for (let after: SagaView | undefined; ; ) {
      const filter = { sagaName, status, limit: 100 }
      const page = await this.application.sagas.find(after === undefined ? filter : { ...filter, after })
      yield* page
      after = page.at(-1)
      if (page.length < filter.limit) return
    }
  }

  async #tellDeadLetters(): Promise<void> {
    for (const { status, deadLetters } of await this.application.processing.list()) {
      if (deadLetters.parkedSequences === 0) continue
      const { sequences } = await this.application.processing.deadLetters.list(status.processorName)
      for (const sequence of sequences) {
        const key = keyOf(sequence)
        if (this.#told.has(key)) continue
        this.#told.add(key)
        const { processorName, failure, aggregateType, aggregateId } = sequence
        throw new ScenarioError(
          `${processorName} could not process ${failure.eventType} of ${aggregateType} ${aggregateId}: ${failure.message}`,
          undefined,
          sequence,
        )
      }
    }
  }

  async #notSettled(): Promise<ScenarioError> {
    const behind = this.application.processors
      .filter(({ lagEvents, heldSequences, state }) => lagEvents > 0 || heldSequences > 0 || state !== 'running')
      .map(
        ({ processorName, state, position, headPosition }) =>
          `${processorName} (${state}) at ${position} of ${headPosition}`,
      )
    const processors = behind.length === 0 ? 'Every processor is done' : `Processors behind: ${behind.join(', ')}`
    const error = this.#lastError instanceof Error ? ` The last error: ${this.#lastError.message}` : ''
    return new ScenarioError(
      `The scenario was still at work after ${this.#settleWithinMs} ms, at ${this.now}. ${processors}.${error} ` +
        'Does a saga, or a reaction, cause itself for ever?',
    )
  }
}

function keyOf({ processorName, aggregateType, aggregateId, fromSequence }: DeadLetterSequence): string {
  return JSON.stringify([processorName, aggregateType, aggregateId, fromSequence])
}

function durationMs(duration: Duration): number {
  checkOptions('advance', duration, Object.keys(unitsMs))
  const units = Object.entries(unitsMs) as readonly [keyof Duration, number][]
  const ms = units.reduce((sum, [unit, unitMs]) => sum + (duration[unit] ?? 0) * unitMs, 0)
  if (ms >= 0 && Number.isFinite(ms)) return Math.round(ms)
  throw new ScenarioError(
    `Time goes on by 0 or more: expected for instance { days: 3 }, got ${JSON.stringify(duration)}.`,
  )
}

async function closeIfPossible(store: SnapshotStore | undefined): Promise<void> {
  if (store !== undefined && 'close' in store && typeof store.close === 'function') await store.close()
}
