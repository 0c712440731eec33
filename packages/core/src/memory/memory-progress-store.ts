/** The progress of processors in memory. */

import { checkWholeNumber } from '../errors/check-options.ts'
import { DeadLettersChangedError, ProcessorOwnedError, StaleOwnerError } from '../errors/processing-errors.ts'
import { StaleCheckpointError } from '../errors/store-errors.ts'
import {
  aggregateKey,
  type DeadLetterFilter,
  type DeadLetterPage,
  type DeadLetterSequence,
  type DiscardedDeadLetter,
  type DiscardOptions,
} from '../event-processing/dead-letter.ts'
import {
  checkDeadLetterFilter,
  checkDeadLetterList,
  checkDiscard,
  checkDiscardedLimit,
  fitsFilter,
} from '../event-processing/dead-letter-options.ts'
import type {
  ClaimRequest,
  DeadLetterCounts,
  ProcessorClaim,
  ProcessorProgress,
  ProgressSave,
  ProgressStore,
} from '../event-processing/progress-store.ts'
import { nothingSeen } from '../event-processing/seen-events.ts'
import { deepFreeze } from '../event-store/freeze.ts'
import { Signal } from '../event-store/signal.ts'

interface StoredProcessor {
  progress: ProcessorProgress
  /** In the order in which they were first put. */
  readonly deadLetters: Map<string, DeadLetterSequence & { readonly order: number }>
  readonly discarded: DiscardedDeadLetter[]
}

/** Keeps everything in maps: for tests, and for processors whose effects are in memory too. */
export class MemoryProgressStore implements ProgressStore {
  readonly committed: Signal
  readonly #processors = new Map<string, StoredProcessor>()
  #order = 0

  /** @param committed is notified after each change; a new signal when left out */
  constructor(committed: Signal = new Signal()) {
    this.committed = committed
  }

  async claimProcessor(processorName: string, request: ClaimRequest): Promise<ProcessorClaim | undefined> {
    const stored = this.#open(processorName)
    const { progress } = stored
    const isFree =
      progress.owner === undefined || progress.owner === request.owner || progress.leaseUntil <= request.now
    if (!isFree) return undefined
    const epoch = progress.epoch + 1
    const position = progress.epoch === 0 ? (request.startPosition ?? 0) : progress.position
    const seenAfter = progress.epoch === 0 ? position : progress.seenAfter
    const leaseUntil = request.now + request.leaseMs
    stored.progress = { ...progress, position, seenAfter, epoch, owner: request.owner, leaseUntil }
    this.committed.notify()
    return { processorName, epoch }
  }

  async renewClaim(claim: ProcessorClaim, leaseUntil: number): Promise<ProcessorProgress> {
    const stored = this.#owned(claim)
    stored.progress = { ...stored.progress, leaseUntil }
    return copyOf(stored.progress)
  }

  async releaseClaim(claim: ProcessorClaim): Promise<void> {
    const stored = this.#open(claim.processorName)
    if (stored.progress.epoch !== claim.epoch) return
    stored.progress = { ...stored.progress, owner: undefined, leaseUntil: 0 }
    this.committed.notify()
  }

  async readProgress(processorName: string): Promise<ProcessorProgress | undefined> {
    const stored = this.#processors.get(processorName)
    return stored === undefined ? undefined : copyOf(stored.progress)
  }

  async saveProgress(save: ProgressSave): Promise<void> {
    this.checkSave(save)
    this.applySave(save)
    this.committed.notify()
  }

  /** Does everything of a save that can fail. */
  checkSave({ claim, expectedPosition, expectedRevision }: ProgressSave): void {
    const { progress } = this.#owned(claim)
    if (progress.position !== expectedPosition) {
      throw new StaleCheckpointError(claim.processorName, expectedPosition, progress.position)
    }
    if (progress.revision !== expectedRevision) {
      throw new DeadLettersChangedError(claim.processorName, expectedRevision, progress.revision)
    }
  }

  /** Makes a save that was checked. Tells nobody. */
  applySave({ claim, position, seen, leaseUntil, deadLetters }: ProgressSave): void {
    const stored = this.#open(claim.processorName)
    for (const change of deadLetters) {
      if (change.kind === 'resolve') stored.deadLetters.delete(aggregateKey(change.aggregate))
      else this.#put(stored, change.sequence)
    }
    stored.progress = { ...stored.progress, position, seen: { ...seen }, leaseUntil }
  }

  /** Forgets all of a processor but its epoch, so that what its owner saves late is refused. */
  drop(processorName: string): void {
    const known = this.#processors.get(processorName)
    if (known === undefined) return
    const { epoch, revision } = known.progress
    this.#processors.delete(processorName)
    const stored = this.#open(processorName)
    stored.progress = { ...stored.progress, epoch: epoch + 1, revision: revision + 1 }
  }

  /** Takes over how far a processor is in another store. Nobody owns it here; dead letters stay there. */
  copyProgress(processorName: string, from: MemoryProgressStore): void {
    const { progress } = from.#open(processorName)
    const stored = this.#open(processorName)
    stored.progress = { ...progress, owner: undefined, leaseUntil: 0 }
  }

  async setPaused(processorName: string, isPaused: boolean): Promise<void> {
    const stored = this.#open(processorName)
    stored.progress = { ...stored.progress, isPaused }
    this.committed.notify()
  }

  async moveProgress(processorName: string, position: number, now: number): Promise<void> {
    checkWholeNumber('moveProgress', 'position', position, { least: 0 })
    const stored = this.#open(processorName)
    const { progress } = stored
    const { owner, leaseUntil, epoch, revision } = progress
    if (owner !== undefined && leaseUntil > now) throw new ProcessorOwnedError(processorName, owner)
    stored.deadLetters.clear()
    stored.progress = {
      ...progress,
      position,
      replayUntil: Math.max(progress.replayUntil, progress.position),
      seen: nothingSeen,
      seenAfter: position,
      epoch: epoch + 1,
      revision: revision + 1,
      owner: undefined,
    }
    this.committed.notify()
  }

  async listDeadLetters(
    processorName: string,
    options?: { readonly filter?: DeadLetterFilter; readonly after?: string; readonly limit?: number },
  ): Promise<DeadLetterPage> {
    const { filter, after, limit } = checkDeadLetterList(options)
    const all = [...(this.#processors.get(processorName)?.deadLetters.values() ?? [])]
    const found = all.filter((sequence) => sequence.order > after && fitsFilter(sequence, filter))
    found.sort((one, other) => one.order - other.order)
    const page = found.slice(0, limit)
    const next = found.length > limit ? String(page.at(-1)?.order) : undefined
    return { sequences: page.map(({ order, ...sequence }) => sequence), next }
  }

  async countDeadLetters(processorName: string): Promise<DeadLetterCounts> {
    let [retryingSequences, parkedSequences, events] = [0, 0, 0]
    for (const { state, eventCount } of this.#processors.get(processorName)?.deadLetters.values() ?? []) {
      if (state === 'parked') parkedSequences++
      else retryingSequences++
      events += eventCount
    }
    return { retryingSequences, parkedSequences, events }
  }

  async retryDeadLetters(processorName: string, filter: DeadLetterFilter, now: number): Promise<number> {
    const nextAttemptAt = new Date(now).toISOString()
    const isMeant = (): boolean => true
    return this.#change(processorName, filter, isMeant, (stored, sequence) => {
      this.#put(stored, { ...sequence, state: 'retrying', nextAttemptAt })
    })
  }

  async discardDeadLetters(processorName: string, filter: DeadLetterFilter, options: DiscardOptions): Promise<number> {
    const { reason, discardedBy, isFirstOnly, now } = checkDiscard(options)
    const at = new Date(now).toISOString()
    const isMeant = (sequence: DeadLetterSequence): boolean => !isFirstOnly || sequence.attempts > 0
    return this.#change(processorName, filter, isMeant, (stored, sequence) => {
      const isAll = !isFirstOnly || sequence.eventCount <= 1
      const { fromSequence, fromPosition } = sequence
      const given = isAll
        ? sequence
        : { ...sequence, toSequence: fromSequence, toPosition: fromPosition, eventCount: 1 }
      stored.discarded.unshift(Object.freeze({ ...given, reason, discardedBy, discardedAt: at }))
      if (isAll) stored.deadLetters.delete(aggregateKey(sequence))
      else {
        const next = {
          fromSequence: fromSequence + 1,
          fromPosition: fromPosition + 1,
          eventCount: sequence.eventCount - 1,
        }
        this.#put(stored, { ...sequence, ...next, attempts: 0, state: 'retrying', nextAttemptAt: at })
      }
    })
  }

  async listDiscarded(processorName: string, limit?: number): Promise<readonly DiscardedDeadLetter[]> {
    return this.#processors.get(processorName)?.discarded.slice(0, checkDiscardedLimit(limit)) ?? []
  }

  #change(
    processorName: string,
    filter: DeadLetterFilter,
    isMeant: (sequence: DeadLetterSequence) => boolean,
    change: (stored: StoredProcessor, sequence: DeadLetterSequence) => void,
  ): number {
    checkDeadLetterFilter(filter)
    const stored = this.#processors.get(processorName)
    if (stored === undefined) return 0
    const found = [...stored.deadLetters.values()].filter(
      (sequence) => fitsFilter(sequence, filter) && isMeant(sequence),
    )
    for (const { order, ...sequence } of found) change(stored, sequence)
    if (found.length > 0) {
      stored.progress = { ...stored.progress, revision: stored.progress.revision + 1 }
      this.committed.notify()
    }
    return found.length
  }

  #put(stored: StoredProcessor, sequence: DeadLetterSequence): void {
    const key = aggregateKey(sequence)
    const order = stored.deadLetters.get(key)?.order ?? ++this.#order
    stored.deadLetters.set(key, deepFreeze({ ...structuredClone(sequence), order }))
  }

  #owned(claim: ProcessorClaim): StoredProcessor {
    const stored = this.#open(claim.processorName)
    if (stored.progress.epoch !== claim.epoch) {
      throw new StaleOwnerError(claim.processorName, claim.epoch, stored.progress.epoch)
    }
    return stored
  }

  #open(processorName: string): StoredProcessor {
    let stored = this.#processors.get(processorName)
    if (stored === undefined) {
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
      stored = { progress, deadLetters: new Map(), discarded: [] }
      this.#processors.set(processorName, stored)
    }
    return stored
  }
}

/** A reader may change it. */
function copyOf(progress: ProcessorProgress): ProcessorProgress {
  return { ...progress, seen: { ...progress.seen } }
}
