/** What operators do with events that could not be processed: look, retry, discard. */

import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import type {
  DeadLetterFilter,
  DeadLetterPage,
  DeadLetterSequence,
  DiscardedDeadLetter,
} from '../event-processing/dead-letter.ts'
import { checkDeadLetterFilter, checkDiscard } from '../event-processing/dead-letter-options.ts'
import type { ProcessorRunner } from '../event-processing/processor-runner.ts'
import type { AggregateRef } from '../event-store/aggregate-ref.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { subjectMatcher } from '../event-store/subject-pattern.ts'

/** What {@link DeadLetters} needs. */
export interface DeadLettersOptions {
  readonly eventStore: EventStore
  /** @throws {UnknownNameError} when there is no such processor */
  readonly runnerOf: (processorName: string) => ProcessorRunner
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** Why dead letters are given up, and by whom. */
export interface DiscardRequest {
  /** 1 to 1,000 characters. */
  readonly reason: string
  /** For the record; 1 to 200 characters. */
  readonly discardedBy?: string
  /** Discard only the event that failed of each sequence, and go on with those behind it. */
  readonly isFirstOnly?: boolean
  /** Says what would be discarded, and changes nothing. */
  readonly isDryRun?: boolean
}

/** What a retry or a discard has done, or would do. */
export interface DeadLetterOutcome {
  readonly isDryRun: boolean
  /** How many sequences it is about. */
  readonly sequenceCount: number
  /** Of a dry run: how many events it is about. */
  readonly eventCount?: number
  /** Of a dry run: the first 100 sequences. */
  readonly sequences?: readonly DeadLetterSequence[]
}

/** One sequence with a page of its events. */
export interface DeadLetterDetail {
  readonly sequence: DeadLetterSequence
  /** As they are stored, the one that failed first; only those that the processor wants. */
  readonly events: readonly DomainEventEnvelope[]
  /** Give it as `fromSequence` to get the next page; undefined when there is none. */
  readonly nextSequence: number | undefined
}

const mostExamples = 100
const pageSize = 1000

/** The dead letters of every processor of an application. */
export class DeadLetters {
  readonly #eventStore: EventStore
  readonly #runnerOf: (processorName: string) => ProcessorRunner
  readonly #now: () => number

  constructor({ eventStore, runnerOf, now }: DeadLettersOptions) {
    this.#eventStore = eventStore
    this.#runnerOf = runnerOf
    this.#now = now
  }

  /**
   * @returns sequences that a processor holds back, those that failed first before the others; 1 to 1,000, 100 when left out
   * @throws {UnknownNameError} when there is no such processor
   */
  async list(
    processorName: string,
    options?: { readonly filter?: DeadLetterFilter; readonly after?: string; readonly limit?: number },
  ): Promise<DeadLetterPage> {
    return this.#storeOf(processorName).listDeadLetters(processorName, options)
  }

  /** @returns the sequence that a processor holds back of an aggregate, undefined when there is none */
  async find(processorName: string, aggregate: AggregateRef): Promise<DeadLetterSequence | undefined> {
    const { aggregateType, aggregateId } = aggregate
    const page = await this.list(processorName, { filter: { aggregateType, aggregateId }, limit: 1 })
    return page.sequences[0]
  }

  /**
   * @param options where to begin, and how many events at most: 1 to 1,000, 100 when left out
   * @returns the sequence with its events, undefined when the aggregate is not held back
   */
  async show(
    processorName: string,
    aggregate: AggregateRef,
    options: { readonly fromSequence?: number; readonly limit?: number } = {},
  ): Promise<DeadLetterDetail | undefined> {
    checkOptions('DeadLetters.show', options, ['fromSequence', 'limit'])
    const limit = checkWholeNumber('DeadLetters.show', 'limit', options.limit ?? 100, { least: 1, most: 1000 })
    const from = checkWholeNumber('DeadLetters.show', 'fromSequence', options.fromSequence ?? 1, { least: 1 })
    const { subjectPatterns } = this.#runnerOf(processorName).processor
    const sequence = await this.find(processorName, aggregate)
    if (sequence === undefined) return undefined
    const { toSequence: toVersion } = sequence
    const fromVersion = Math.max(from, sequence.fromSequence)
    if (fromVersion > toVersion) return { sequence, events: [], nextSequence: undefined }
    const stored = await this.#eventStore.loadEvents(aggregate, { fromVersion, toVersion, limit })
    const isWanted = subjectMatcher(subjectPatterns)
    const events = stored.filter(({ aggregateType, eventType }) => isWanted(aggregateType, eventType))
    const last = stored.at(-1)?.sequence ?? toVersion
    return { sequence, events, nextSequence: last < toVersion ? last + 1 : undefined }
  }

  /**
   * Makes sequences due now: their events are processed in order, then their aggregates go on like all others.
   * @param filter which; all when it is empty
   */
  async retry(
    processorName: string,
    filter: DeadLetterFilter = {},
    options: { readonly isDryRun?: boolean } = {},
  ): Promise<DeadLetterOutcome> {
    checkOptions('DeadLetters.retry', options, ['isDryRun'])
    const store = this.#storeOf(processorName)
    if (options.isDryRun === true) return this.#preview(processorName, filter, ({ eventCount }) => eventCount)
    const sequenceCount = await store.retryDeadLetters(processorName, checkDeadLetterFilter(filter), this.#now())
    this.#runnerOf(processorName).wake()
    return { isDryRun: false, sequenceCount }
  }

  /**
   * Gives events up, for good: they have no effect, also not later. Of each sequence a record is kept.
   * @param filter which; all when it is empty
   */
  async discard(processorName: string, filter: DeadLetterFilter, request: DiscardRequest): Promise<DeadLetterOutcome> {
    checkOptions('DeadLetters.discard', request, ['reason', 'discardedBy', 'isFirstOnly', 'isDryRun'])
    const { isDryRun = false, ...wanted } = request
    const options = { ...wanted, now: this.#now() }
    const { isFirstOnly } = checkDiscard(options)
    const store = this.#storeOf(processorName)
    if (isDryRun) return this.#preview(processorName, filter, ({ eventCount }) => (isFirstOnly ? 1 : eventCount))
    const sequenceCount = await store.discardDeadLetters(processorName, checkDeadLetterFilter(filter), options)
    this.#runnerOf(processorName).wake()
    return { isDryRun, sequenceCount }
  }

  /** @returns the records of what was given up, the newest first; 1 to 1,000, 100 when left out */
  async discarded(processorName: string, limit?: number): Promise<readonly DiscardedDeadLetter[]> {
    return this.#storeOf(processorName).listDiscarded(processorName, limit)
  }

  async #preview(
    processorName: string,
    filter: DeadLetterFilter,
    eventsOf: (sequence: DeadLetterSequence) => number,
  ): Promise<DeadLetterOutcome> {
    const sequences: DeadLetterSequence[] = []
    let [sequenceCount, eventCount] = [0, 0]
    for (let after: string | undefined; ; ) {
      const options = { filter, limit: pageSize, ...(after === undefined ? undefined : { after }) }
      const page = await this.#storeOf(processorName).listDeadLetters(processorName, options)
      for (const sequence of page.sequences) {
        sequenceCount++
        eventCount += eventsOf(sequence)
        if (sequences.length < mostExamples) sequences.push(sequence)
      }
      if (page.next === undefined) return { isDryRun: true, sequenceCount, eventCount, sequences }
      after = page.next
    }
  }

  #storeOf(processorName: string) {
    return this.#runnerOf(processorName).processor.progressStore
  }
}
