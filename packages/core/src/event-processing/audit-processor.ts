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
 * What an audit found. `complete`: every event was seen, once. `partly-recorded`: so was every event after the position where
 * the record begins. `not-recorded`: there is no record of anything. `mismatch`: events are missing, or came twice.
 */
export type AuditVerdict = 'complete' | 'partly-recorded' | 'not-recorded' | 'mismatch'

/** The outcome of an audit. */
export interface ProcessorAudit {
  readonly processorName: string
  readonly verdict: AuditVerdict
  /** The outcome in words, and what to do. */
  readonly message: string
  /** The record begins after this position: where the processor began, or was put. */
  readonly afterPosition: number
  /** The audit ends here: where the processor was when the audit began. */
  readonly position: number
  /** What the processor has recorded. */
  readonly recorded: SeenEvents
  /** What the event store holds for it between the two positions. */
  readonly expected: SeenEvents
  /** Of a mismatch that one event explains: positions of the events that could be it, the first 10. */
  readonly suspectPositions: readonly number[]
  /** Seen and held back: not in effect until they are retried. */
  readonly heldBack: DeadLetterCounts
  /** Seen and given up, by the newest 1,000 records of that. */
  readonly discardedEvents: number
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
  const range = { least: 1, most: 10_000 }
  const batchSize = checkWholeNumber('auditProcessor', 'batchSize', options.batchSize ?? 1000, range)
  const { processorName, progressStore } = audited
  // Position and record are saved together, so that they fit whatever is processed meanwhile.
  const progress = await progressStore.readProgress(processorName)
  const { position, seenAfter: afterPosition, seen: recorded } = progress ?? nothingDone
  const look = { ...options, batchSize, afterPosition, position }
  let expected = nothingSeen
  for await (const events of readEvents(audited, look)) expected = withSeen(expected, events)
  const verdict = verdictOn(recorded, expected, look)
  const suspectPositions = verdict === 'mismatch' ? await findSuspects(audited, look, recorded, expected) : []
  const message = messageOf(verdict, recorded, expected, look, suspectPositions)
  const discarded = await progressStore.listDiscarded(processorName, 1000)
  const discardedEvents = discarded
    .filter(({ fromPosition }) => fromPosition > afterPosition && fromPosition <= position)
    .reduce((sum, { eventCount }) => sum + eventCount, 0)
  const heldBack = await progressStore.countDeadLetters(processorName)
  const found = { verdict, message, afterPosition, position, recorded, expected, suspectPositions }
  return { processorName, ...found, heldBack, discardedEvents }
}

const nothingDone = { position: 0, seenAfter: 0, seen: nothingSeen }

interface Look extends AuditOptions {
  readonly batchSize: number
  readonly afterPosition: number
  readonly position: number
}

function verdictOn(recorded: SeenEvents, expected: SeenEvents, { afterPosition, position }: Look): AuditVerdict {
  const isSame = recorded.count === expected.count && recorded.checksum === expected.checksum
  if (isSame && afterPosition === 0) return 'complete'
  if (isSame && afterPosition < position) return 'partly-recorded'
  return isSame || recorded.count === 0 ? 'not-recorded' : 'mismatch'
}

function messageOf(
  verdict: AuditVerdict,
  recorded: SeenEvents,
  expected: SeenEvents,
  { afterPosition, position }: Look,
  suspects: readonly number[],
): string {
  const before = 'was processed before records were kept, or the processor was put there'
  switch (verdict) {
    case 'complete':
      return `All ${expected.count} events up to position ${position} were seen, each once.`
    case 'partly-recorded':
      return (
        `All ${expected.count} events after position ${afterPosition} and up to ${position} were seen, each once. What is ` +
        `before ${before}: it is not in the record. If it should be, rebuild the view.`
      )
    case 'not-recorded':
      return (
        `Nothing is recorded up to position ${position}: it ${before}. Whether every event was seen cannot be told. To be ` +
        'sure, rebuild the view.'
      )
    case 'mismatch':
      return (
        `${differenceOf(expected.count - recorded.count, suspects)} Between the positions ${afterPosition} and ${position} ` +
        `there are ${expected.count} events, and ${recorded.count} were seen. What came of them is not to be trusted: rebuild ` +
        'the view. If its projection handles other events than before, raise its version.'
      )
  }
}

function differenceOf(missing: number, suspects: readonly number[]): string {
  const places = suspects.length === 0 ? '' : `, probably that at position ${suspects.join(' or ')}`
  if (missing === 0) return 'As many events are missing as came twice.'
  if (missing === 1) return `One event is missing${places}.`
  if (missing === -1) return `One event came twice${places}.`
  return missing > 0 ? `At least ${missing} events are missing.` : `At least ${-missing} events came twice.`
}

/** @returns which events would alone make the difference between two sums */
async function findSuspects(audited: AuditedProcessor, look: Look, recorded: SeenEvents, expected: SeenEvents) {
  const missing = expected.count - recorded.count
  const suspects: number[] = []
  if (Math.abs(missing) !== 1) return suspects
  const checksum = (missing * (expected.checksum - recorded.checksum) + allSums) % allSums
  for await (const events of readEvents(audited, look)) {
    for (const event of events) {
      if (withSeen(nothingSeen, [event]).checksum === checksum) suspects.push(event.position)
      if (suspects.length === mostSuspects) return suspects
    }
  }
  return suspects
}

/** The events that the processor wants, batch by batch. */
async function* readEvents(
  { eventStore, subjectPatterns }: AuditedProcessor,
  { batchSize, afterPosition, position, signal, onProgress, nextTurn: letOthers = nextTurn }: Look,
): AsyncGenerator<readonly { readonly position: number }[]> {
  for (let after = afterPosition; after < position; ) {
    signal?.throwIfAborted()
    const page = await eventStore.readEvents({ subjectPatterns, afterPosition: after, limit: batchSize })
    yield page.events.filter((event) => event.position <= position)
    onProgress?.({ position: Math.min(page.position, position), ofPosition: position })
    if (page.isEnd || page.position <= after) return
    after = page.position
    await letOthers()
  }
}
