/** The progress of processors in a bucket of NATS JetStream, which any number of processes share. */

import {
  aggregateKey,
  type ClaimRequest,
  checkDeadLetterFilter,
  checkDeadLetterList,
  checkDiscard,
  checkDiscardedLimit,
  checkWholeNumber,
  type DeadLetterCounts,
  type DeadLetterFilter,
  type DeadLetterPage,
  type DeadLetterSequence,
  type DiscardedDeadLetter,
  type DiscardOptions,
  fitsFilter,
  type ProcessorClaim,
  ProcessorOwnedError,
  type ProcessorProgress,
  type ProgressSave,
  type ProgressStore,
  Signal,
  StaleOwnerError,
  StoreClosedError,
} from '@cim/core'
import { type NatsConnection, nuid } from '@nats-io/nats-core'
import { connectTo } from '../jetstream-connection.ts'
import { DirectReader } from '../server/direct-reader.ts'
import { Inbox } from '../server/inbox.ts'
import { LeaderApi } from '../server/leader-api.ts'
import { Patience } from '../server/patience.ts'
import { Publisher } from '../server/publisher.ts'
import { HeldDraft } from './held-letters.ts'
import { LeaseSightings } from './lease-sightings.ts'
import { bucketStream, openProgressBucket } from './open-progress-bucket.ts'
import { ProgressBucket } from './progress-bucket.ts'
import {
  type CheckedProgressOptions,
  checkProgressOptions,
  type JetStreamProgressStoreOptions,
} from './progress-options.ts'
import { changed, checkOwner, checkSave, claimed, isNewest, moved } from './progress-record.ts'
import { ProgressSubjects } from './progress-subjects.ts'
import { type ChangeRequest, type Decide, RecordChanges } from './record-changes.ts'

const apiPrefix = '$JS.API'

/**
 * Lets one process at a time run a reaction, a saga, a publication or the command queue, wherever it is, and refuses what an
 * owner saves that was displaced. Views are kept where they are, each process with progress of its own.
 * @see docs/nats.md
 */
export class JetStreamProgressStore implements ProgressStore, AsyncDisposable {
  readonly committed: Signal = new Signal()
  readonly #options: CheckedProgressOptions
  readonly #connection: NatsConnection
  readonly #inbox: Inbox
  readonly #bucket: ProgressBucket
  readonly #changes: RecordChanges
  readonly #leases = new LeaseSightings()
  /** Of the claims that were given here: known by the object, since two of them may have the same epoch. */
  readonly #tokens = new WeakMap<ProcessorClaim, string>()
  readonly #underWay = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined

  /**
   * Connects, and makes the bucket or checks the one that is there.
   * @throws {UnsafeStreamError} when the bucket is set up so that it can lose progress
   * @throws {StoreUnavailableError} when the servers cannot be reached, or lack JetStream
   */
  static async open(options: JetStreamProgressStoreOptions): Promise<JetStreamProgressStore> {
    const checked = checkProgressOptions(options)
    const connection = await connectTo(checked)
    try {
      const { config } = await openProgressBucket(connection, checked)
      return new JetStreamProgressStore(checked, connection, config.max_msg_size)
    } catch (error) {
      if (checked.connection === undefined) await connection.close()
      throw error
    }
  }

  private constructor(options: CheckedProgressOptions, connection: NatsConnection, maxMessageBytes: number) {
    const maxPayload = connection.info?.max_payload ?? 1_048_576
    const stream = bucketStream(options.bucket)
    this.#options = options
    this.#connection = connection
    this.#inbox = new Inbox(connection, options.requestTimeoutMs, () => this.#changes.forget())
    this.#bucket = new ProgressBucket({
      direct: new DirectReader(this.#inbox, apiPrefix, stream),
      leader: new LeaderApi(this.#inbox, apiPrefix, stream),
      publisher: new Publisher(this.#inbox),
      maxPayload: maxMessageBytes > 0 ? Math.min(maxPayload, maxMessageBytes) : maxPayload,
    })
    this.#changes = new RecordChanges(this.#bucket, () => this.#newPatience())
  }

  async claimProcessor(processorName: string, request: ClaimRequest): Promise<ProcessorClaim | undefined> {
    const token = nuid.next()
    const claim = await this.#change(processorName, 'claiming a processor', (record) => {
      const isOwn = record.progress.owner === request.owner
      if (!isOwn && !this.#leases.isFree(record, request.now)) return { result: undefined }
      const next = claimed(record, request, token)
      return { result: { processorName, epoch: next.progress.epoch }, record: next }
    })
    if (claim === undefined) return undefined
    this.#tokens.set(claim, token)
    this.#leases.gave(claim)
    this.committed.notify()
    return claim
  }

  async renewClaim(claim: ProcessorClaim, leaseUntil: number): Promise<ProcessorProgress> {
    return this.#change(claim.processorName, 'renewing a claim', (record) => {
      checkOwner(record, claim, this.#tokens.get(claim))
      const next = changed(record, { leaseUntil })
      return { result: copyOf(next.progress), record: next }
    })
  }

  async releaseClaim(claim: ProcessorClaim): Promise<void> {
    const isReleased = await this.#change(claim.processorName, 'releasing a claim', (record) => {
      const isOwner = isNewest(record, claim, this.#tokens.get(claim)) && record.progress.owner !== undefined
      if (!isOwner) return { result: false }
      return { result: true, record: changed(record, { owner: undefined, leaseUntil: 0 }) }
    })
    if (isReleased) this.committed.notify()
  }

  async readProgress(processorName: string): Promise<ProcessorProgress | undefined> {
    const request = this.#requestOf(processorName, 'reading progress')
    if (request === undefined) return undefined
    const { record, sequence } = await this.#finish(this.#changes.read(request))
    return sequence === 0 ? undefined : copyOf(record.progress)
  }

  async saveProgress(save: ProgressSave): Promise<void> {
    const { claim, position, seen, leaseUntil, deadLetters } = save
    const needsHeld = deadLetters.length > 0
    const decide: Decide<void> = (record, held) => {
      checkSave(record, save, this.#tokens.get(claim))
      const next = changed(record, { position, seen: { ...seen }, leaseUntil })
      if (!needsHeld) return { result: undefined, record: next }
      const draft = new HeldDraft(held, record.held)
      for (const change of deadLetters) {
        if (change.kind === 'put') draft.put(change.sequence)
        else draft.remove(aggregateKey(change.aggregate))
      }
      return { result: undefined, record: next, draft }
    }
    await this.#change(claim.processorName, 'saving progress', decide, needsHeld)
    this.committed.notify()
  }

  async setPaused(processorName: string, isPaused: boolean): Promise<void> {
    await this.#change(processorName, 'pausing a processor', (record) => {
      return { result: undefined, record: changed(record, { isPaused }) }
    })
    this.committed.notify()
  }

  async moveProgress(processorName: string, position: number, now: number): Promise<void> {
    checkWholeNumber('moveProgress', 'position', position, { least: 0 })
    const decide: Decide<void> = (record, held) => {
      const { owner } = record.progress
      if (owner !== undefined && !this.#leases.isFree(record, now)) throw new ProcessorOwnedError(processorName, owner)
      const draft = new HeldDraft(held, record.held)
      draft.clear()
      return { result: undefined, record: moved(record, position), draft }
    }
    await this.#change(processorName, 'moving a processor', decide, true)
    this.committed.notify()
  }

  async listDeadLetters(
    processorName: string,
    options?: { readonly filter?: DeadLetterFilter; readonly after?: string; readonly limit?: number },
  ): Promise<DeadLetterPage> {
    const { filter, after, limit } = checkDeadLetterList(options)
    const request = this.#requestOf(processorName, 'listing dead letters')
    if (request === undefined) return { sequences: [], next: undefined }
    const held = await this.#finish(this.#changes.readHeld(request))
    const found = [...held.values()].filter(({ order, sequence }) => order > after && fitsFilter(sequence, filter))
    const page = found.slice(0, limit)
    const next = found.length > limit ? String(page.at(-1)?.order) : undefined
    return { sequences: page.map(({ sequence }) => sequence), next }
  }

  async countDeadLetters(processorName: string): Promise<DeadLetterCounts> {
    const request = this.#requestOf(processorName, 'counting dead letters')
    if (request === undefined) return { retryingSequences: 0, parkedSequences: 0, events: 0 }
    const { record } = await this.#finish(this.#changes.read(request))
    const { retryingSequences, parkedSequences, events } = record.held
    return { retryingSequences, parkedSequences, events }
  }

  async retryDeadLetters(processorName: string, filter: DeadLetterFilter, now: number): Promise<number> {
    const checked = checkDeadLetterFilter(filter)
    return this.#revise(
      processorName,
      'retrying dead letters',
      (sequence) => fitsFilter(sequence, checked),
      (draft, sequence) => draft.retry(sequence, now),
    )
  }

  async discardDeadLetters(processorName: string, filter: DeadLetterFilter, options: DiscardOptions): Promise<number> {
    const checked = checkDeadLetterFilter(filter)
    const given = checkDiscard(options)
    return this.#revise(
      processorName,
      'discarding dead letters',
      (sequence) => fitsFilter(sequence, checked) && (!given.isFirstOnly || sequence.attempts > 0),
      (draft, sequence) => draft.discard(sequence, given),
    )
  }

  async listDiscarded(processorName: string, limit?: number): Promise<readonly DiscardedDeadLetter[]> {
    const checked = checkDiscardedLimit(limit)
    const request = this.#requestOf(processorName, 'listing what was discarded')
    if (request === undefined) return []
    const { subjects } = request
    const reading = this.#newPatience().during(request.doing, async () => {
      return this.#bucket.readDiscarded(subjects, await this.#bucket.read(subjects, processorName), checked)
    })
    return this.#finish(reading)
  }

  /** Finishes what was begun. What was claimed here and is not given back is free when its lease has run out. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay)
    this.#inbox.close()
    if (this.#options.connection === undefined) await this.#connection.close()
  }

  async #revise(
    processorName: string,
    doing: string,
    isMeant: (sequence: DeadLetterSequence) => boolean,
    revise: (draft: HeldDraft, sequence: DeadLetterSequence) => void,
  ): Promise<number> {
    const decide: Decide<number> = (record, held) => {
      const found = [...held.values()].filter(({ sequence }) => isMeant(sequence))
      if (found.length === 0) return { result: 0 }
      const draft = new HeldDraft(held, record.held)
      for (const { sequence } of found) revise(draft, sequence)
      return { result: found.length, record: changed(record, { revision: record.progress.revision + 1 }), draft }
    }
    const count = await this.#change(processorName, doing, decide, true)
    if (count > 0) this.committed.notify()
    return count
  }

  #change<TResult>(processorName: string, doing: string, decide: Decide<TResult>, needsHeld = false): Promise<TResult> {
    const request = this.#requestOf(processorName, doing)
    // Nobody can have claimed a processor whose name cannot be stored.
    if (request === undefined) return Promise.reject(new StaleOwnerError(processorName, 0, 0))
    return this.#finish(this.#changes.change({ ...request, needsHeld }, decide))
  }

  /** @returns undefined for a name under which nothing can be stored */
  #requestOf(processorName: string, doing: string): ChangeRequest | undefined {
    if (this.#closing !== undefined) throw new StoreClosedError('The progress store is closed. Open a new one.')
    const subjects = ProgressSubjects.of(this.#options.bucket, processorName)
    return subjects && { processorName, subjects, doing }
  }

  /** What was accepted is finished before the store closes. */
  async #finish<TResult>(work: Promise<TResult>): Promise<TResult> {
    this.#underWay.add(work)
    try {
      return await work
    } finally {
      this.#underWay.delete(work)
    }
  }

  #newPatience(): Patience {
    return new Patience(this.#inbox, this.#options.giveUpAfterMs)
  }
}

/** A reader may change it. */
function copyOf(progress: ProcessorProgress): ProcessorProgress {
  return { ...progress, seen: { ...progress.seen } }
}
