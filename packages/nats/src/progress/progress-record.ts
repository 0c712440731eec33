/** What the bucket keeps of a processor in one message, and how it changes. */

import {
  type ClaimRequest,
  type DeadLetterCounts,
  DeadLettersChangedError,
  nothingSeen,
  type ProcessorClaim,
  type ProcessorProgress,
  type ProgressSave,
  StaleCheckpointError,
  StaleOwnerError,
} from '@cim/core'
import { textOf } from '../messages/event-message.ts'

/** Every change of a processor replaces it, and names the one that it was computed with. */
export interface ProgressRecord {
  readonly progress: ProcessorProgress
  /** How long the owner's signs of life are good for. */
  readonly leaseMs: number
  /** Drawn for each claim. Servers that come back with an older record give an epoch twice; this they cannot. */
  readonly claimToken?: string
  readonly held: HeldSummary
  /** How many records of what was given up there are. */
  readonly discarded: number
  /** The last change of each store that has made some: tells a store whose answer was lost whether its change was made. */
  readonly writes: readonly WriteMark[]
}

export type WriteMark = readonly [store: string, count: number]

/** What the record says of the sequences that are held back, which have keys of their own. */
export interface HeldSummary extends DeadLetterCounts {
  /** Rises with each change. */
  readonly version: number
  /** The slots that count, as bits in base64: whatever stands in another was written in vain, or is over. */
  readonly slots: string
  /** That of the sequence that failed last. */
  readonly lastOrder: number
}

const nothingHeld: HeldSummary = {
  retryingSequences: 0,
  parkedSequences: 0,
  events: 0,
  version: 0,
  slots: '',
  lastOrder: 0,
}
const mostMarks = 16

/** @returns the record of a processor of which nothing is stored */
export function emptyRecord(processorName: string): ProgressRecord {
  const progress: ProcessorProgress = {
    processorName,
    position: 0,
    replayUntil: 0,
    seen: nothingSeen,
    seenAfter: 0,
    epoch: 0,
    owner: undefined,
    leaseUntil: 0,
    isPaused: false,
    revision: 0,
  }
  return { progress, leaseMs: 0, held: nothingHeld, discarded: 0, writes: [] }
}

export function encodeRecord(record: ProgressRecord): string {
  return JSON.stringify(record)
}

export function decodeRecord(data: Uint8Array): ProgressRecord {
  const record = JSON.parse(textOf(data)) as ProgressRecord
  // JSON leaves out what is undefined.
  return { ...record, progress: { ...record.progress, owner: record.progress.owner } }
}

/** @returns the record with the mark of a change */
export function marked(record: ProgressRecord, mark: WriteMark): ProgressRecord {
  const others = record.writes.filter(([store]) => store !== mark[0])
  return { ...record, writes: [mark, ...others].slice(0, mostMarks) }
}

export function hasMark({ writes }: ProgressRecord, [store, count]: WriteMark): boolean {
  return writes.some((write) => write[0] === store && write[1] === count)
}

/** @returns the record with some of its progress replaced */
export function changed(record: ProgressRecord, change: Partial<ProcessorProgress>): ProgressRecord {
  return { ...record, progress: { ...record.progress, ...change } }
}

export function claimed(record: ProgressRecord, request: ClaimRequest, claimToken: string): ProgressRecord {
  const { epoch, position, seenAfter } = record.progress
  const { owner, now, leaseMs, startPosition = 0 } = request
  const start = epoch === 0 ? { position: startPosition, seenAfter: startPosition } : { position, seenAfter }
  const next = changed(record, { ...start, epoch: epoch + 1, owner, leaseUntil: now + leaseMs })
  return { ...next, leaseMs, claimToken }
}

/** Its epoch rises, so that what an owner saves late is refused. */
export function moved(record: ProgressRecord, position: number): ProgressRecord {
  const { progress } = record
  return changed(record, {
    position,
    replayUntil: Math.max(progress.replayUntil, progress.position),
    seen: nothingSeen,
    seenAfter: position,
    epoch: progress.epoch + 1,
    revision: progress.revision + 1,
    owner: undefined,
  })
}

/** @param token that of the claim, undefined when another process was given it: then its epoch alone tells */
export function isNewest({ progress, claimToken }: ProgressRecord, { epoch }: ProcessorClaim, token?: string): boolean {
  return progress.epoch === epoch && (token === undefined || claimToken === token)
}

/** @throws {StaleOwnerError} when the claim has passed to another owner */
export function checkOwner(record: ProgressRecord, claim: ProcessorClaim, token?: string): void {
  if (isNewest(record, claim, token)) return
  throw new StaleOwnerError(claim.processorName, claim.epoch, record.progress.epoch)
}

/** @throws as {@link ProgressStore.saveProgress} says */
export function checkSave(record: ProgressRecord, save: ProgressSave, token?: string): void {
  const { claim, expectedPosition, expectedRevision } = save
  checkOwner(record, claim, token)
  const { position, revision } = record.progress
  if (position !== expectedPosition) throw new StaleCheckpointError(claim.processorName, expectedPosition, position)
  if (revision === expectedRevision) return
  throw new DeadLettersChangedError(claim.processorName, expectedRevision, revision)
}
