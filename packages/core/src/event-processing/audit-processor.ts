/** Proves that a processor has seen every position, by counting the log again. */

import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { nextTurn } from './next-turn.ts'
import type { DeadLetterCounts, ProgressStore } from './progress-store.ts'
import { nothingSeen, type SeenEvents, withSeen } from './seen-events.ts'

/** Whose record is proved, and against what. */
export interface AuditedProcessor {
  readonly eventStore: EventStore
  readonly progressStore: ProgressStore
  readonly processorName: string
  readonly subjectPatterns: readonly string[]
}

/** Options of {@link auditProcessor}. */
export interface AuditOptions {
  /** Events read in one go, 1 to 10,000; 1,000 when left out. Everything else in the process runs in between. */
  readonly batchSize?: number
  readonly signal?: AbortSignal
  /** Is told after each batch how far the audit is. */
  readonly onProgress?: (progress: AuditProgress) => void
  /** Lets others have their turn between two batches. */
  readonly nextTurn?: () => Promise<void>
}

/** How far an audit is. */
export interface AuditProgress {
  readonly position: number
  /** Where the audit ends. */
  readonly ofPosition: number
}

/**
 * What an audit found. `complete`: every event was seen, once. `partly-recorded`: so were all from a position on; what was
 * before it is not in the record. `not-recorded`: there is no record. `mismatch`: events are missing, or came twice.
 */
export type AuditVerdict = 'complete' | 'partly-recorded' | 'not-recorded' | 'mismatch'

/** The outcome of an audit. */
export interface ProcessorAudit {
  readonly processorName: string
  readonly verdict: AuditVerdict
  /** The outcome in words, and what to do. */
  readonly message: string
  /** The audit covers everything up to here: the processor's position when the audit began. */
  readonly position: number
  /** What the processor has recorded. */
  readonly recorded: SeenEvents
  /** What the event store holds for it. */
  readonly expected: SeenEvents
  /** The record begins after this position; 0 when it is complete, undefined when that cannot be told. */
  readonly recordedAfterPosition: number | undefined
  /** Of a mismatch that one event explains: positions of the events that could be it, the first 10. */
  readonly suspectPositions: readonly number[]
  /** Seen and held back: not in effect until they are retried. */
  readonly heldBack: DeadLetterCounts
  /** Seen and given up, by the newest 1,000 records of that. */
  readonly discardedEvents: number
}

/** Looks for a second time where the first count did not match. */
interface SecondLook {
  /** How many events at the beginning are not in the record, if none is missing later. */
  readonly before: number
  /** The checksum of the event that is missing or came twice, if it is one. */
  readonly checksum: number | undefined
}

const mostSuspects = 10
const allSums = 2 ** 32

/**
 * Recomputes count and checksum over the event store, up to where the processor is, and compares them with its record. Reads
 * only; the processor may go on meanwhile.
 * @throws the signal's reason
 */
export async function auditProcessor(audited: AuditedProcessor, options: AuditOptions = {}): Promise<ProcessorAudit> {
  checkOptions('auditProcessor', options, ['batchSize', 'signal', 'onProgress', 'nextTurn'])
  const batchSize = checkWholeNumber('auditProcessor', 'batchSize', options.batchSize ?? 1000, {
    least: 1,
    most: 10_000,
  })
  const { processorName, progressStore } = audited
  // Position and record are saved together, so that they fit whatever is processed meanwhile.
  const { position, seen: recorded } = (await progressStore.readProgress(processorName)) ?? {
    position: 0,
    seen: nothingSeen,
  }
  const look = { ...options, batchSize, position }
  let expected = nothingSeen
  for await (const events of readUpTo(audited, look)) expected = withSeen(expected, events)
  const found = await compare(audited, look, recorded, expected)
  const discarded = await progressStore.listDiscarded(processorName, 1000)
  const discardedEvents = discarded
    .filter(({ fromPosition }) => fromPosition <= position)
    .reduce((sum, { eventCount }) => sum + eventCount, 0)
  const heldBack = await progressStore.countDeadLetters(processorName)
  return { processorName, position, recorded, expected, ...found, heldBack, discardedEvents }
}

type Found = Pick<ProcessorAudit, 'verdict' | 'message' | 'recordedAfterPosition' | 'suspectPositions'>
type Look = AuditOptions & { readonly batchSize: number; readonly position: number }

async function compare(
  audited: AuditedProcessor,
  look: Look,
  recorded: SeenEvents,
  expected: SeenEvents,
): Promise<Found> {
  const { position } = look
  const suspectPositions: readonly number[] = []
  if (recorded.count === expected.count && recorded.checksum === expected.checksum) {
    const message = `All ${expected.count} events up to position ${position} were seen, each once.`
    return { verdict: 'complete', message, recordedAfterPosition: 0, suspectPositions }
  }
  if (recorded.count === 0 && recorded.checksum === 0) {
    const message =
      `Nothing is recorded of the ${expected.count} events up to position ${position}: they were processed before records ` +
      'were kept, or the processor was put there. Whether it has seen them cannot be told; rebuild it to be sure.'
    return { verdict: 'not-recorded', message, recordedAfterPosition: position, suspectPositions }
  }
  const missing = expected.count - recorded.count
  const difference = (expected.checksum - recorded.checksum + allSums) % allSums
  const checksum = missing === 1 ? difference : missing === -1 ? (allSums - difference) % allSums : undefined
  const { unrecorded, suspects } = await lookAgain(audited, look, { before: missing, checksum })
  if (missing > 0 && unrecorded.checksum === difference) {
    const { afterPosition } = unrecorded
    const message =
      `All ${recorded.count} events after position ${afterPosition} and up to ${position} were seen, each once. The ` +
      `${missing} events up to ${afterPosition} are not in the record: they were processed before records were kept, or the ` +
      'processor was put there. If neither is so, they are missing: rebuild it.'
    return { verdict: 'partly-recorded', message, recordedAfterPosition: afterPosition, suspectPositions: suspects }
  }
  const message = `${mismatchOf(missing, suspects)} Up to position ${position} there are ${expected.count} events, and ${recorded.count} were seen. What the processor made of them is not to be trusted: rebuild it.`
  return { verdict: 'mismatch', message, recordedAfterPosition: undefined, suspectPositions: suspects }
}

function mismatchOf(missing: number, suspects: readonly number[]): string {
  if (missing === 0) return 'As many events are missing as came twice.'
  const places = suspects.length === 0 ? '' : `, probably that at position ${suspects.join(' or ')}`
  if (missing === 1) return `One event is missing${places}.`
  if (missing === -1) return `One event came twice${places}.`
  return missing > 0 ? `At least ${missing} events are missing.` : `At least ${-missing} events came twice.`
}

/** @returns what the events before the record sum up to, and which events alone could make the difference */
async function lookAgain(audited: AuditedProcessor, look: Look, { before, checksum }: SecondLook) {
  let unrecorded = nothingSeen
  let afterPosition = 0
  const suspects: number[] = []
  for await (const events of readUpTo(audited, look)) {
    for (const event of events) {
      if (unrecorded.count < before) {
        unrecorded = withSeen(unrecorded, [event])
        afterPosition = event.position
      } else if (checksum === undefined || suspects.length >= mostSuspects) {
        return { unrecorded: { checksum: unrecorded.checksum, afterPosition }, suspects }
      }
      if (checksum === undefined || suspects.length >= mostSuspects) continue
      if (withSeen(nothingSeen, [event]).checksum === checksum) suspects.push(event.position)
    }
  }
  return { unrecorded: { checksum: unrecorded.checksum, afterPosition }, suspects }
}

/** The events that the processor wants, batch by batch, up to a position. */
async function* readUpTo(
  { eventStore, subjectPatterns }: AuditedProcessor,
  { batchSize, position, signal, onProgress, nextTurn: letOthers = nextTurn }: Look,
): AsyncGenerator<readonly { readonly position: number }[]> {
  for (let afterPosition = 0; afterPosition < position; ) {
    signal?.throwIfAborted()
    const page = await eventStore.readEvents({ subjectPatterns, afterPosition, limit: batchSize })
    yield page.events.filter((event) => event.position <= position)
    onProgress?.({ position: Math.min(page.position, position), ofPosition: position })
    if (page.isEnd || page.position <= afterPosition) return
    afterPosition = page.position
    await letOthers()
  }
}
