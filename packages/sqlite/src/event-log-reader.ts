/** Reads across aggregates: batches for subscriptions, and pages by type, time and correlation. */

import { type CheckedReadOptions, type EventBatch, type EventPage, hashText, type SubjectMatcher } from '@cim/core'
import type { EventLog } from './event-log.ts'
import { EventPortion } from './event-portion.ts'
import type { FetchedRow } from './event-rows.ts'
import { longStretch } from './event-scanner.ts'
import { unpackEnvelope } from './packed-envelope.ts'

/** How many events are looked through at most before others have their turn. */
const mostScanned = 20_000
/** How many index entries are looked up at most before others have their turn. */
const mostLookedUp = 5000
/** How many events are parsed at most before others have their turn. */
const mostParsed = 1000

/** Finds out how to read what is wanted with the fewest rows. */
export class EventLogReader {
  readonly #log: EventLog

  constructor(log: EventLog) {
    this.#log = log
  }

  /** @returns a function that reads the next batch after a position, of the events that match */
  createBatchReader(matches: SubjectMatcher): (afterPosition: number, batchSize: number) => EventBatch {
    const typesOf = this.#createTypeFilter(matches)
    return (afterPosition, batchSize) => {
      const { position: head } = this.#log
      if (afterPosition >= head) return { events: [], position: afterPosition }
      const types = typesOf()
      if (types === 'none') return { events: [], position: head }
      const { events, scanner } = this.#log
      const source = head - afterPosition < longStretch ? events.rows : scanner.rows
      const portion = new EventPortion(batchSize)
      const isAll = types === 'all'
      const last = isAll ? head : Math.min(head, afterPosition + mostScanned)
      const rows = isAll
        ? source.between(afterPosition, last, batchSize)
        : source.ofTypesBetween(types, afterPosition, last, batchSize)
      events.fill(portion, rows)
      return { events: portion.events, position: (portion.isFull ? portion.position : last) ?? last }
    }
  }

  /** Asks which types match again only when a new type has come. */
  #createTypeFilter(matches: SubjectMatcher): () => TypeFilter {
    let known = -1
    let filter: TypeFilter = 'none'
    return () => {
      const { eventTypeCount } = this.#log.names
      if (known !== eventTypeCount) filter = this.#typesThatMatch({ matchesSubject: matches, aggregateType: undefined })
      known = eventTypeCount
      return filter
    }
  }

  /** Recognises when every type matches (every one of the aggregate type, when one is given), or none. */
  #typesThatMatch({ matchesSubject, aggregateType }: TypeCondition): TypeFilter {
    let isAll = true
    const keys: number[] = []
    for (const names of this.#log.names.eventTypes()) {
      if (aggregateType !== undefined && names.aggregateType !== aggregateType) continue
      if (matchesSubject(names.aggregateType, names.eventType)) keys.push(names.key)
      else isAll = false
    }
    return keys.length === 0 ? 'none' : isAll ? 'all' : JSON.stringify(keys)
  }

  /**
   * Reads a page in slices; others have their turn between them.
   * @param wanted what to read
   * @param read runs each slice: refuses it when the store is closed
   */
  async readPage(wanted: CheckedReadOptions, read: <TResult>(slice: () => TResult) => TResult): Promise<EventPage> {
    const portion = new EventPortion(wanted.limit)
    const { after, last, end, readSlice } = read(() => this.#plan(wanted, portion))
    for (let position = after; position < last; ) {
      const slice = read(() => readSlice(position))
      if (slice === 'full') return { events: portion.events, position: portion.position ?? position, isEnd: false }
      position = slice
      if (position < last) await new Promise((resolve) => setImmediate(resolve))
    }
    return { events: portion.events, position: end, isEnd: true }
  }

  #plan(wanted: CheckedReadOptions, portion: EventPortion): ReadPlan {
    const { fromTime, beforeTime, afterPosition } = wanted
    const { position: head } = this.#log
    const first = fromTime === Number.NEGATIVE_INFINITY ? 1 : this.#log.firstPositionAt(fromTime)
    const before = beforeTime === Number.POSITIVE_INFINITY ? head + 1 : this.#log.firstPositionAt(beforeTime)
    const types = this.#typesThatMatch(wanted)
    const after = Math.max(afterPosition, first - 1)
    const last = types === 'none' ? 0 : Math.min(before - 1, head)
    const readSlice = this.#chooseSource(wanted, types, last, portion)
    return { after, last, end: Math.max(head, afterPosition), readSlice }
  }

  #chooseSource(wanted: CheckedReadOptions, types: TypeFilter, last: number, portion: EventPortion): ReadSlice {
    const { events, index, names } = this.#log
    /** Positions from an index, fewer than asked for when there are no more: what they hold, then how far that is. */
    const fillAt = (positions: readonly number[], count: number, fill: (within: readonly number[]) => boolean) => {
      const isPast = (positions.at(-1) ?? 0) > last
      const isMore = fill(isPast ? positions.filter((position) => position <= last) : positions)
      return isMore ? 'full' : positions.length < count ? last : (positions.at(-1) ?? last)
    }
    // One more than there is room for shows whether there are more.
    const most = (): number => Math.min(mostParsed, portion.eventsLeft) + 1
    if (wanted.correlationId !== undefined) {
      const hash = hashText(wanted.correlationId)
      const isWanted = this.#createRowFilter(wanted)
      return (after) => {
        const count = most()
        const positions = index.positionsOfCause(hash, after, count)
        return fillAt(positions, count, (within) => events.fill(portion, events.rows.at(within), isWanted))
      }
    }
    if (wanted.aggregateType !== undefined) {
      const type = names.findAggregateType(wanted.aggregateType) ?? 0
      return (after) => {
        const count = types === 'all' ? most() : mostLookedUp
        const positions = index.positionsOfType(type, after, count)
        return fillAt(positions, count, (within) => {
          const rows = types === 'all' ? events.rows.at(within) : events.rows.ofTypesAt(types, within)
          return events.fill(portion, rows)
        })
      }
    }
    return (after) => {
      const count = most()
      const to = Math.min(last, after + (types === 'all' ? count : mostScanned))
      const rows =
        types === 'all' ? events.rows.between(after, to, count) : events.rows.ofTypesBetween(types, after, to, count)
      const before = portion.events.length
      if (events.fill(portion, rows)) return 'full'
      // So many of a type may stand in what is looked through that the rest of it is left to the next slice.
      return portion.events.length - before === count ? (portion.position ?? to) : to
    }
  }

  #createRowFilter(wanted: CheckedReadOptions): (row: FetchedRow) => boolean {
    const { matchesSubject, aggregateType, correlationId } = wanted
    return (row) => {
      const names = this.#log.names.eventType(row[3])
      // An unknown type is damage, which is reported when the event is read.
      if (names === undefined) return true
      const isOfType = aggregateType === undefined || aggregateType === names.aggregateType
      if (!isOfType || !matchesSubject(names.aggregateType, names.eventType)) return false
      return unpackEnvelope(row[5]).metadata.correlationId === correlationId
    }
  }
}

/** Every event type, none, or the keys of some as JSON. */
type TypeFilter = 'all' | 'none' | (string & {})

type TypeCondition = Pick<CheckedReadOptions, 'matchesSubject' | 'aggregateType'>

/** Reads on after a position. Gives how far everything is read, or that there is more than the page can hold. */
type ReadSlice = (afterPosition: number) => number | 'full'

interface ReadPlan {
  readonly after: number
  /** The last position that is wanted. */
  readonly last: number
  /** The position of a page that found everything. */
  readonly end: number
  readonly readSlice: ReadSlice
}
