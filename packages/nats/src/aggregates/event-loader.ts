/** Loads the events of one aggregate. */

import type { AggregateRef, CheckedLoadOptions, DomainEventEnvelope } from '@cim/core'
import type { StoredEvent } from '../messages/event-message.ts'
import { AggregateSubjects, parseEventSubject } from '../messages/event-subject.ts'
import type { LeaderApi } from '../server/leader-api.ts'
import type { Patience } from '../server/patience.ts'
import type { AggregateReader } from './aggregate-reader.ts'
import { type HeadLoader, keyOf } from './head-loader.ts'

/** What {@link EventLoader} works with. */
export interface EventLoaderParts {
  readonly reader: AggregateReader
  readonly loader: HeadLoader
  readonly leader: LeaderApi
  readonly prefix: string
  /** True when the leader is asked how far an aggregate is. */
  readonly asksLeader: boolean
}

/** About how many bytes are read at once when a limit was set. */
const mostBytesAtOnce = 8 * 1024 * 1024
const everything = Number.MAX_SAFE_INTEGER

/** Never gives less of an aggregate than this process has written or seen before. */
export class EventLoader {
  readonly #parts: EventLoaderParts

  constructor(parts: EventLoaderParts) {
    this.#parts = parts
  }

  async load(
    aggregate: AggregateRef,
    options: CheckedLoadOptions,
    patience: Patience,
  ): Promise<readonly DomainEventEnvelope[]> {
    const subjects = AggregateSubjects.of(this.#parts.prefix, aggregate)
    const { fromVersion: from, toVersion, limit } = options
    const to = Math.min(toVersion, from + limit - 1)
    if (subjects === undefined || to < from) return []
    const head = this.#parts.loader.find(keyOf(aggregate))
    const known = head?.version ?? 0
    const isOpen = to > known
    const isLimited = limit !== everything
    const [events, newest] = await Promise.all([
      this.#read(aggregate, subjects, { from, to, known, isLimited }, patience),
      isOpen && this.#parts.asksLeader ? this.#newestVersion(subjects, patience) : 0,
    ])
    const last = from + events.length - 1
    const isShort = last < Math.min(to, newest)
    // Of a portion, the next call reads the rest; but one without events would be taken for the end.
    if (isShort && (!isLimited || events.length === 0)) {
      const range = { from: last + 1, to, known: newest, mostBytes: isLimited ? mostBytesAtOnce : everything }
      events.push(...(await patience.during('loading events', () => this.#parts.reader.range(subjects, range))))
    }
    this.#remember(aggregate, subjects, events)
    return events.map(({ envelope }) => envelope)
  }

  async #read(
    aggregate: AggregateRef,
    subjects: AggregateSubjects,
    wanted: { readonly from: number; readonly to: number; readonly known: number; readonly isLimited: boolean },
    patience: Patience,
  ): Promise<StoredEvent[]> {
    const { from, to, known, isLimited } = wanted
    const { loader, reader } = this.#parts
    if (from === 1 && to >= everything) {
      const { head, events } = await patience.during('loading an aggregate', () => loader.readWhole(subjects, known))
      if (events.length > 0) loader.keep(keyOf(aggregate), head)
      return [...events]
    }
    const mostBytes = isLimited ? mostBytesAtOnce : everything
    return patience.during('loading events', () => reader.range(subjects, { from, to, known, mostBytes }))
  }

  async #newestVersion(subjects: AggregateSubjects, patience: Patience): Promise<number> {
    const { leader, prefix } = this.#parts
    const newest = await patience.during('asking for the newest event of an aggregate', () =>
      leader.lastMatching(subjects.events),
    )
    return newest === undefined ? 0 : (parseEventSubject(prefix, newest.subject)?.sequence ?? 0)
  }

  #remember(aggregate: AggregateRef, subjects: AggregateSubjects, events: readonly StoredEvent[]): void {
    const { loader } = this.#parts
    const last = events.at(-1)?.envelope.sequence ?? 0
    if (last === 0) return
    const head = loader.find(keyOf(aggregate)) ?? loader.create(subjects)
    if (last <= head.version) return
    if ((events[0]?.envelope.sequence ?? 1) <= head.version + 1) head.takeEvents(events)
    else head.skipTo(last)
    loader.keep(keyOf(aggregate), head)
  }
}
