/** The port that keeps how far processors are, who runs them, and what they could not process. */

import type { Signal } from '../event-store/signal.ts'
import type {
  DeadLetterChange,
  DeadLetterFilter,
  DeadLetterPage,
  DiscardedDeadLetter,
  DiscardOptions,
} from './dead-letter.ts'
import type { SeenEvents } from './seen-events.ts'

/** The right to run a processor. When another owner takes over, the epoch rises, and whatever the old one saves is refused. */
export interface ProcessorClaim {
  readonly processorName: string
  /** From 1. */
  readonly epoch: number
}

/** Who asks for a processor. */
export interface ClaimRequest {
  /** Unique for each runner. */
  readonly owner: string
  /** Milliseconds since 1970. */
  readonly now: number
  /** How long the claim lasts from the owner's last sign of life. */
  readonly leaseMs: number
  /** Where the processor begins when nobody has ever asked for it; 0 when left out. */
  readonly startPosition?: number
}

/** How far a processor is. */
export interface ProcessorProgress {
  readonly processorName: string
  /** Everything up to here has been processed, parked or discarded. */
  readonly position: number
  /** It was here before it was moved back, at the furthest: events up to here come again. 0 when it never was. */
  readonly replayUntil: number
  /** Everything that it has seen after `seenAfter`. */
  readonly seen: SeenEvents
  /** Where it began, or was moved to the last time. */
  readonly seenAfter: number
  /** 0: nobody has ever run it. */
  readonly epoch: number
  /** Undefined when nobody runs it. */
  readonly owner: string | undefined
  /** Milliseconds since 1970. */
  readonly leaseUntil: number
  /** Nobody shall run it until it is resumed. */
  readonly isPaused: boolean
  /** Rises when somebody other than its owner changes its dead letters. */
  readonly revision: number
}

/** One step of a processor: what it has done since the last one. */
export interface ProgressSave {
  readonly claim: ProcessorClaim
  /** The position that the step began at. */
  readonly expectedPosition: number
  /** The revision of the dead letters that the step was computed with. */
  readonly expectedRevision: number
  readonly position: number
  readonly seen: SeenEvents
  /** Prolongs the claim: milliseconds since 1970. */
  readonly leaseUntil: number
  /** At most one for each aggregate. */
  readonly deadLetters: readonly DeadLetterChange[]
}

/**
 * Keeps the progress of processors. A save is all or nothing, and only the newest owner's is taken.
 *
 * What an implementation promises is stated as tests in `progressStoreConformance` of `@cim/testing`.
 */
export interface ProgressStore {
  /** Is notified after each change in this process. */
  readonly committed: Signal

  /**
   * Asks for a processor. It is given when nobody has it, when its owner has shown no sign of life for too long, or when
   * the same owner asks again; the epoch then rises.
   * @returns undefined while another owner has it
   */
  claimProcessor(processorName: string, request: ClaimRequest): Promise<ProcessorClaim | undefined>
  /**
   * Shows a sign of life.
   * @returns the present progress
   * @throws {StaleOwnerError} when the claim has passed to another owner
   */
  renewClaim(claim: ProcessorClaim, leaseUntil: number): Promise<ProcessorProgress>
  /** Gives a processor back. Does nothing when the claim has passed to another owner. */
  releaseClaim(claim: ProcessorClaim): Promise<void>
  /** @returns undefined when nobody has ever asked for it */
  readProgress(processorName: string): Promise<ProcessorProgress | undefined>
  /**
   * @throws {StaleOwnerError} when the claim has passed to another owner
   * @throws {StaleCheckpointError} when the processor is not where the step began
   * @throws {DeadLettersChangedError} when the dead letters have another revision
   */
  saveProgress(save: ProgressSave): Promise<void>
  /** Lets nobody run the processor, or allows it again. Its owner notices at its next sign of life. */
  setPaused(processorName: string, isPaused: boolean): Promise<void>
  /**
   * Moves a processor that nobody runs back, or to another position. What it has seen begins anew with nothing, its dead
   * letters are forgotten, and events up to where it was are replays from then on.
   * @throws {ProcessorOwnedError} while it is run
   */
  moveProgress(processorName: string, position: number, now: number): Promise<void>

  /** @returns dead letters of a processor, those that failed first before the others; 1 to 1,000 of them */
  listDeadLetters(
    processorName: string,
    options?: { readonly filter?: DeadLetterFilter; readonly after?: string; readonly limit?: number },
  ): Promise<DeadLetterPage>
  /** @returns how many sequences and events a processor holds back */
  countDeadLetters(processorName: string): Promise<DeadLetterCounts>
  /** Makes dead letters due now. @returns how many sequences that are */
  retryDeadLetters(processorName: string, filter: DeadLetterFilter, now: number): Promise<number>
  /** Gives dead letters up, and keeps a record of that. @returns how many sequences that were */
  discardDeadLetters(processorName: string, filter: DeadLetterFilter, options: DiscardOptions): Promise<number>
  /** @returns the records of what was given up, the newest first; 1 to 1,000 of them */
  listDiscarded(processorName: string, limit?: number): Promise<readonly DiscardedDeadLetter[]>
}

/** How much a processor holds back. */
export interface DeadLetterCounts {
  readonly retryingSequences: number
  readonly parkedSequences: number
  /** Events of both. */
  readonly events: number
}
