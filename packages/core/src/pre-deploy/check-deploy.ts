/** Replays a whole event store through the code that shall run on it. */

import { queuedCommand } from '../command-queue/queued-command.ts'
import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import { InvalidOptionError, ValidationError } from '../errors/input-errors.ts'
import type { EventStore } from '../event-store/event-store.ts'
import type { ProjectionDefinition } from '../read-side/projection.ts'
import type { ViewStore } from '../read-side/view-store.ts'
import type { SagaDefinition } from '../sagas/saga.ts'
import { journalOf } from '../sagas/saga-journal.ts'
import type { AggregateDefinition } from '../write-side/aggregate.ts'
import { checkAggregates } from './check-aggregates.ts'
import type { CheckRun, DeployProgress } from './check-run.ts'
import { checkViews } from './check-views.ts'
import { endLine, headerLine, SavedFingerprints } from './deploy-fingerprints.ts'
import { DeployProblems, type DeployReport } from './deploy-report.ts'

/** What {@link checkDeploy} takes. */
export interface CheckDeployOptions {
  /** Is only read. */
  readonly eventStore: EventStore
  readonly aggregates: readonly AggregateDefinition[]
  readonly projections?: readonly ProjectionDefinition[]
  /** Their journals are events of the store too. */
  readonly sagas?: readonly SagaDefinition[]
  /** An empty view store for the documents of the projections, needed when there are any. */
  readonly scratch?: ViewStore
  /** The lines that an earlier check has saved, to be compared with. */
  readonly compareWith?: AsyncIterable<string>
  /** Takes one line at a time: fingerprints of every state and document, for a later check. */
  readonly save?: (line: string) => void | Promise<void>
  /** Saves states and documents too, so that differences can be shown by place. False when left out. */
  readonly withStates?: boolean
  /**
   * What is meant to be so: event types that were taken out (`Person.NickNameSet`), aggregates and views that change
   * (`Person`, `PersonView`). They are reported, but are no reason to fail.
   */
  readonly expected?: readonly string[]
  /** How many problems of a group are shown; 5 when left out. */
  readonly samplesPerGroup?: number
  readonly onProgress?: (progress: DeployProgress) => void
  readonly signal?: AbortSignal
}

const optionNames = [
  'eventStore',
  'aggregates',
  'projections',
  'sagas',
  'scratch',
  'compareWith',
  'save',
  'withStates',
  'expected',
  'samplesPerGroup',
  'onProgress',
  'signal',
]

/**
 * Replays every stored stream through upcasters, schemas, `apply` and projections, and says what would go wrong.
 *
 * The log is read twice, once for aggregates and once for views; each aggregate's stream is loaded once more. In memory
 * are one aggregate's state, two pages of events, and what the scratch store needs.
 * @param options the event store, the definitions, and what to compare with
 * @returns what was found; events stored after the call are left out
 * @throws {ValidationError} when the fingerprints are not well-formed, or of a store that has more events
 */
export async function checkDeploy(options: CheckDeployOptions): Promise<DeployReport> {
  checkOptions('checkDeploy', options, optionNames)
  const { eventStore, projections = [], scratch, compareWith, save, expected = [] } = options
  const journals = (options.sagas ?? []).map((saga) => journalOf(saga))
  const aggregates = [queuedCommand, ...journals, ...options.aggregates] as readonly AggregateDefinition[]
  if (projections.length > 0 && scratch === undefined) {
    throw new InvalidOptionError('checkDeploy', 'scratch', 'must be an empty view store, as there are projections.')
  }
  const samplesPerGroup = checkWholeNumber('checkDeploy', 'samplesPerGroup', options.samplesPerGroup ?? 5, { least: 1 })
  const problems = new DeployProblems(expected, samplesPerGroup)
  const previous = compareWith === undefined ? undefined : new SavedFingerprints(compareWith)
  const head = await eventStore.headPosition()
  const run: CheckRun = {
    eventStore,
    head,
    problems,
    previous,
    save,
    withStates: options.withStates === true,
    signal: options.signal,
    onProgress: (progress) => options.onProgress?.(progress),
  }
  try {
    await previous?.open()
    checkPosition(previous, head)
    await save?.(headerLine(head))
    const folded = await checkAggregates(run, aggregates)
    const viewed =
      scratch === undefined ? { documents: 0, notCompared: [] } : await checkViews(run, projections, scratch)
    await save?.(endLine(folded.aggregates, viewed.documents))
    const { groups } = problems
    return {
      isFine: groups.every(({ isExpected }) => isExpected),
      position: head,
      ...folded,
      ...viewed,
      comparedAt: previous?.position,
      problems: groups,
    }
  } finally {
    await previous?.close()
  }
}

function checkPosition(previous: SavedFingerprints | undefined, head: number): void {
  if (previous === undefined || previous.position <= head) return
  throw new ValidationError('saved fingerprints', [
    {
      pointer: '/1/position',
      message: `must be at most ${head}, the newest position of this event store, got ${previous.position}. Are they of another store, or from before this one was restored?`,
    },
  ])
}
