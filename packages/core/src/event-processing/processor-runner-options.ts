/** What a processor runner is told, and what it does otherwise. */

import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import { neverThrowing } from '../errors/never-throwing.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { type Clock, systemClock } from './clock.ts'
import type { EventProcessor } from './event-processor.ts'
import { type CheckedFailurePolicy, classifyFailure, type FailurePolicy } from './failure-policy.ts'
import { nextTurn } from './next-turn.ts'
import type { ProcessorStatus } from './processor-status.ts'
import { checkRetryDelay } from './retry-delay.ts'

/** What a ProcessorRunner needs. */
export interface ProcessorRunnerOptions {
  readonly eventStore: EventStore
  readonly processor: EventProcessor
  /**
   * Where a processor begins that nobody has ever run: at the first event, after what is stored now, or after a position.
   * `beginning` when left out. A view cannot begin anywhere else.
   */
  readonly startAt?: 'beginning' | 'now' | number
  /** The most events read and processed in one go; 1,000 when left out. */
  readonly batchSize?: number
  /** The most events between two checkpoints while there is a backlog; 250,000 when left out. */
  readonly eventsPerCheckpoint?: number
  /** What becomes of events that fail, and how long to wait after any other failure. */
  readonly failures?: FailurePolicy
  /** How many aggregates may be held back before something general must be wrong; 10,000 when left out. */
  readonly mostHeldSequences?: number
  /** How long a runner that shows no sign of life keeps its processor from others; 10,000 ms when left out. */
  readonly leaseMs?: number
  /** Is told of every failure, of single events too. */
  readonly onError?: (error: unknown, status: ProcessorStatus) => void
  /** From 0 up to 1. */
  readonly random?: () => number
  readonly clock?: Clock
  /** Lets others have their turn between two batches. */
  readonly nextTurn?: () => Promise<void>
}

const optionNames = [
  'eventStore',
  'processor',
  'startAt',
  'batchSize',
  'eventsPerCheckpoint',
  'failures',
  'mostHeldSequences',
  'leaseMs',
  'onError',
  'random',
  'clock',
  'nextTurn',
]

/** {@link ProcessorRunnerOptions} with everything filled in; `onError` never throws. */
export type CheckedRunnerOptions = Required<Omit<ProcessorRunnerOptions, 'failures'>> & {
  readonly failures: CheckedFailurePolicy
}

/** @throws {InvalidOptionError} when an option is unknown or not acceptable */
export function checkRunnerOptions(options: ProcessorRunnerOptions): CheckedRunnerOptions {
  checkOptions('ProcessorRunner', options, optionNames)
  const whole = (
    name: 'batchSize' | 'eventsPerCheckpoint' | 'mostHeldSequences' | 'leaseMs',
    otherwise: number,
    most: number = Number.MAX_SAFE_INTEGER,
  ): number => checkWholeNumber('ProcessorRunner', name, options[name] ?? otherwise, { least: 1, most })
  const { startAt = 'beginning', failures = {} } = options
  if (typeof startAt === 'number' || (startAt !== 'beginning' && startAt !== 'now')) {
    checkWholeNumber('ProcessorRunner', 'startAt', startAt, { least: 0 })
  }
  checkOptions('ProcessorRunner.failures', failures, ['maxAttempts', 'retryDelay', 'classify'])
  return {
    eventStore: options.eventStore,
    processor: options.processor,
    startAt,
    batchSize: whole('batchSize', 1000, 10_000),
    eventsPerCheckpoint: whole('eventsPerCheckpoint', 250_000),
    failures: {
      maxAttempts: checkWholeNumber('ProcessorRunner', 'maxAttempts', failures.maxAttempts ?? 5, { least: 1 }),
      retryDelay: checkRetryDelay(failures.retryDelay ?? { firstMs: 100, mostMs: 30_000 }),
      classify: failures.classify ?? classifyFailure,
    },
    mostHeldSequences: whole('mostHeldSequences', 10_000),
    leaseMs: whole('leaseMs', 10_000),
    onError: neverThrowing(options.onError),
    random: options.random ?? Math.random,
    clock: options.clock ?? systemClock,
    nextTurn: options.nextTurn ?? nextTurn,
  }
}
