/** Makes a store with many events, in the order in which many persons would have caused them. */

import { type EventStore, emptyAggregate, foldEvents, type LoadedAggregate, type SnapshotStore } from '@cim/core'
import { SqliteEventStore } from '@cim/sqlite'
import { person } from '../domain/person.ts'
import { Persons } from '../domain/persons.ts'
import { seededRandom, shuffle } from '../harness/random.ts'

/** What {@link fillStore} makes. */
export interface FillOptions extends FillEventsOptions {
  readonly path: string
}

/** What {@link fillEvents} appends. */
export interface FillEventsOptions {
  readonly aggregates: number
  readonly eventsPerAggregate: number
  /** Each aggregate gets a snapshot at this version; none at 0. */
  readonly snapshotAt: number
  /** Afterwards, so many events of each of so many aggregates, those above among them, all mixed. */
  readonly recent?: { readonly aggregates: number; readonly eventsPerAggregate: number }
}

const groupSize = 1000

/**
 * Through the public store alone: every aggregate gets the same number of events, and all of them are mixed at random.
 * @returns when the store is closed
 */
export async function fillStore(options: FillOptions): Promise<void> {
  await using store = new SqliteEventStore({ path: options.path })
  await fillEvents(store, options)
}

type FilledStore = EventStore & { readonly snapshotStore: SnapshotStore }

/** Does to any event store what {@link fillStore} does to a new file. */
export async function fillEvents(store: FilledStore, options: FillEventsOptions): Promise<void> {
  const { aggregates, eventsPerAggregate, snapshotAt, recent } = options
  const persons = new Persons(Math.max(aggregates, recent?.aggregates ?? 0))
  const order = mixed(aggregates, eventsPerAggregate)
  const loaded = new Map<number, LoadedAggregate>()
  const append = async (index: number): Promise<void> => {
    const { events, version } = await persons.appendTo(store, index)
    if (version > snapshotAt) return
    const next = foldEvents(
      person,
      (loaded.get(index) ?? emptyAggregate(person, persons.ids[index] ?? '')) as never,
      events,
    )
    loaded.set(index, next)
    if (version === snapshotAt) await save(store, next)
  }
  for (const part of recent === undefined ? [order] : [order, mixed(recent.aggregates, recent.eventsPerAggregate)]) {
    for (let start = 0; start < part.length; start += groupSize) {
      await Promise.all(Array.from(part.subarray(start, start + groupSize), append))
    }
  }
}

/** @returns the number of each aggregate as often as it has events, at random */
function mixed(aggregates: number, eventsPerAggregate: number): Uint32Array {
  const order = Uint32Array.from({ length: aggregates * eventsPerAggregate }, (_, index) => index % aggregates)
  shuffle(order, seededRandom(2))
  return order
}

async function save({ snapshotStore }: FilledStore, { aggregateId, ...snapshot }: LoadedAggregate): Promise<void> {
  await snapshotStore.saveSnapshot(
    { aggregateType: 'Person', aggregateId },
    { ...snapshot, fingerprint: person.fingerprint },
  )
}
