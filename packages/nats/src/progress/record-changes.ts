/** Changes records of processors one after the other, each on the newest. */

import { KeyedQueue, StoreUnavailableError } from '@cim/core'
import { nuid } from '@nats-io/nats-core'
import { NoAnswer } from '../server/inbox.ts'
import type { Patience } from '../server/patience.ts'
import type { HeldDraft, HeldLetters } from './held-letters.ts'
import type { KnownRecord, ProgressBucket } from './progress-bucket.ts'
import { hasMark, marked, type ProgressRecord, type WriteMark } from './progress-record.ts'
import type { ProgressSubjects } from './progress-subjects.ts'

/** What is to be made of a record. */
export interface Decision<TResult> {
  readonly result: TResult
  /** Left out when nothing is to change. */
  readonly record?: ProgressRecord
  readonly draft?: HeldDraft
}

/** Decides on a record, which may turn out not to be the newest: then it is asked again. Throws why nothing can be done. */
export type Decide<TResult> = (record: ProgressRecord, held: HeldLetters) => Decision<TResult>

/** Which processor is changed, and for what. */
export interface ChangeRequest {
  readonly processorName: string
  readonly subjects: ProgressSubjects
  /** For messages, for instance `saving progress`. */
  readonly doing: string
  /** Whether it must be known what is held. */
  readonly needsHeld?: boolean
}

/** A change on its way. */
interface Change<TResult> {
  readonly request: ChangeRequest
  readonly decide: Decide<TResult>
  readonly mark: WriteMark
  readonly patience: Patience
  /** What was decided when a message was sent of which it is not known whether it was stored. */
  sent: { readonly result: TResult } | undefined
  /** Place of the record on which the server refused the change, undefined when it did not. */
  refusedOn: number | undefined
}

interface KnownHeld {
  readonly version: number
  readonly letters: HeldLetters
}

const nothingHeld: HeldLetters = new Map()

/**
 * What is in memory need not be newest to be decided on: the server refuses what was computed with an older record. Only what
 * changes nothing, or cannot be done, is decided on what the leader has.
 */
export class RecordChanges {
  readonly #bucket: ProgressBucket
  readonly #newPatience: () => Patience
  readonly #queue = new KeyedQueue()
  readonly #known = new Map<string, KnownRecord>()
  readonly #held = new Map<string, KnownHeld>()
  readonly #store = nuid.next()
  #count = 0

  constructor(bucket: ProgressBucket, newPatience: () => Patience) {
    this.#bucket = bucket
    this.#newPatience = newPatience
  }

  /** Forgets what it has seen: the servers may have lost it. */
  forget(): void {
    this.#known.clear()
    this.#held.clear()
  }

  /** @returns the newest record */
  read({ processorName, subjects, doing }: ChangeRequest): Promise<KnownRecord> {
    return this.#newPatience().during(doing, () => this.#bucket.read(subjects, processorName))
  }

  /** @returns what is held now */
  readHeld(request: ChangeRequest): Promise<HeldLetters> {
    const { processorName, subjects, doing } = request
    return this.#newPatience().during(doing, async () => {
      return this.#heldOf(request, await this.#bucket.read(subjects, processorName))
    })
  }

  /** Makes a change, once, whatever becomes of the server's answers. @returns what was decided */
  change<TResult>(request: ChangeRequest, decide: Decide<TResult>): Promise<TResult> {
    return this.#queue.run(request.processorName, async () => {
      const mark: WriteMark = [this.#store, ++this.#count]
      const patience = this.#newPatience()
      const change: Change<TResult> = { request, decide, mark, patience, sent: undefined, refusedOn: undefined }
      for (;;) {
        try {
          const done = await this.#attempt(change)
          if (done !== undefined) return done.result
        } catch (error) {
          if (!(error instanceof NoAnswer)) throw error
          await this.#wait(change, error)
        }
        this.#known.delete(request.processorName)
      }
    })
  }

  /** @returns undefined when it is to be done again, on the newest record */
  async #attempt<TResult>(change: Change<TResult>): Promise<{ readonly result: TResult } | undefined> {
    const { request, decide, mark, sent } = change
    const { processorName, subjects, needsHeld } = request
    const inMemory = this.#known.get(processorName)
    const known = inMemory ?? (await this.#bucket.read(subjects, processorName))
    if (sent !== undefined && hasMark(known.record, mark)) return sent
    if (change.refusedOn === known.sequence) {
      change.refusedOn = undefined
      // Another change is still on its way through the replicas.
      throw new NoAnswer('another change is under way', true)
    }
    const held = needsHeld === true ? await this.#heldOf(request, known) : nothingHeld
    let decision: Decision<TResult>
    try {
      decision = decide(known.record, held)
    } catch (error) {
      if (inMemory === undefined) throw error
      return undefined
    }
    const { result, record, draft } = decision
    if (record === undefined) return inMemory === undefined ? { result } : undefined
    const next = marked(draft === undefined ? record : withHeld(record, draft), mark)
    const outcome = await this.#bucket.write(subjects, known, { record: next, draft })
    if (outcome.kind === 'refused') {
      change.refusedOn = known.sequence
      return undefined
    }
    if (outcome.kind === 'unknown') {
      if (outcome.cause.isSent) change.sent = { result }
      throw outcome.cause
    }
    this.#known.set(processorName, { record: next, sequence: outcome.sequence })
    if (draft !== undefined) this.#held.set(processorName, { version: next.held.version, letters: draft.letters })
    return { result }
  }

  async #wait({ request, patience, sent }: Change<unknown>, cause: NoAnswer): Promise<void> {
    try {
      await patience.wait(request.doing, cause)
    } catch (error) {
      throw sent === undefined ? error : unknownOutcome(request, error)
    }
  }

  async #heldOf({ processorName, subjects }: ChangeRequest, known: KnownRecord): Promise<HeldLetters> {
    const { version } = known.record.held
    const inMemory = this.#held.get(processorName)
    if (inMemory?.version === version) return inMemory.letters
    const letters = await this.#bucket.readHeld(subjects, known)
    this.#held.set(processorName, { version, letters })
    return letters
  }
}

function withHeld(record: ProgressRecord, draft: HeldDraft): ProgressRecord {
  const held = draft.summary(record.held.version)
  return { ...record, held, discarded: record.discarded + draft.discarded.length }
}

function unknownOutcome({ processorName, doing }: ChangeRequest, cause: unknown): Error {
  const said = cause instanceof Error ? cause.message : String(cause)
  return new StoreUnavailableError(
    `JetStream: ${doing} of processor ${processorName} was sent, no answer came, and what is stored could not be read: whether it was ` +
      `done is not known. Look at the processor and its dead letters before you repeat it. ${said}`,
    { cause },
  )
}
