/** Brings a view in memory to a moment of the past. */

import { StoreUnavailableError } from '../errors/store-errors.ts'
import { HistoricalViewError } from '../errors/time-travel-errors.ts'
import { nextTurn } from '../event-processing/next-turn.ts'
import { nothingSeen, withSeen } from '../event-processing/seen-events.ts'
import type { EventStore } from '../event-store/event-store.ts'
import type { MemoryViewStore } from '../memory/memory-view-store.ts'
import type { ProjectionDefinition } from '../read-side/projection.ts'
import { ProjectionProcessor, type ProjectionProcessorOptions } from '../read-side/projection-processor.ts'
import { viewKey } from '../read-side/view-store.ts'

/** What {@link replayView} needs. */
export interface ReplayViewOptions {
  readonly eventStore: EventStore
  /** Where the view is, empty or at an earlier position. Nobody else uses it meanwhile. */
  readonly viewStore: MemoryViewStore
  readonly projection: ProjectionDefinition
  /** Up to which to go; not beyond the newest event. */
  readonly position: number
  readonly batchSize: number
  readonly processor: ProjectionProcessorOptions
  readonly signal: AbortSignal
}

/** So many changed documents are held beside those in the view. */
const mostUnsavedEffects = 20_000

/**
 * Processes what happened after the view's checkpoint, by the processor that keeps live views too. Others have their turn
 * after each batch.
 * @throws {HistoricalViewError} when an event cannot be processed
 * @throws the signal's reason
 */
export async function replayView(options: ReplayViewOptions): Promise<void> {
  const { eventStore, viewStore, projection, batchSize, signal } = options
  const { progressStore } = viewStore
  const processor = new ProjectionProcessor(projection, viewStore, options.processor)
  const { processorName, subjectPatterns } = processor
  let saved = await processor.getCheckpoint()
  if (saved >= options.position) return
  const claim = await progressStore.claimProcessor(processorName, { owner: 'replay', now: 0, leaseMs: 0 })
  if (claim === undefined) throw new Error(`${processorName} is replayed by somebody else.`)
  let seen = (await progressStore.readProgress(processorName))?.seen ?? nothingSeen
  const batches = eventStore.subscribe(subjectPatterns, { afterPosition: saved, batchSize, signal })
  for await (const batch of batches) {
    const isLast = batch.position >= options.position
    const events = isLast ? batch.events.filter(({ position }) => position <= options.position) : batch.events
    const { failures, unsavedEffects } = await processor.process(events)
    const [failure] = failures.toSorted((one, other) => one.event.position - other.event.position)
    if (failure !== undefined) throw new HistoricalViewError(viewKey(projection), failure.event, failure.error)
    seen = withSeen(seen, events)
    if (isLast || unsavedEffects >= mostUnsavedEffects) {
      const position = Math.min(batch.position, options.position)
      const step = { claim, expectedPosition: saved, expectedRevision: 0, position }
      await processor.saveCheckpoint({ ...step, seen, leaseUntil: 0, deadLetters: [] })
      saved = position
    }
    if (isLast) return
    signal.throwIfAborted()
    await nextTurn()
  }
  signal.throwIfAborted()
  throw new StoreUnavailableError(`The event store ended before position ${options.position}. Ask again.`)
}
