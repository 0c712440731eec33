/** Makes a store with many events, in the order in which many persons would have caused them. */

import { emptyAggregate, foldEvents, type LoadedAggregate } from '@cim/core'
import { SqliteEventStore } from '@cim/sqlite'
import { person } from '../domain/person.ts'
import { Persons } from '../domain/persons.ts'
import { seededRandom, shuffle } from '../harness/random.ts'

/** What {@link fillStore} makes. */
export interface FillOptions {
  readonly path: string
  readonly aggregates: number
  readonly eventsPerAggregate: number
  /** Each aggregate gets a snapshot at this version; none at 0. */
  readonly snapshotAt: number
}

const groupSize = 1000

/**
 * Through the public store alone: every aggregate gets the same number of events, and all of them are mixed at random.
 * @returns when the store is closed
 */
export async function fillStore({ path, aggregates, eventsPerAggregate, snapshotAt }: FillOptions): Promise<void> {
  await using store = new SqliteEventStore({ path })
  const persons = new Persons(aggregates)
  const order = Uint32Array.from({ length: aggregates * eventsPerAggregate }, (_, index) => index % aggregates)
  shuffle(order, seededRandom(2))
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
  for (let start = 0; start < order.length; start += groupSize) {
    await Promise.all(Array.from(order.subarray(start, start + groupSize), append))
  }
}

async function save({ snapshotStore }: SqliteEventStore, { aggregateId, ...snapshot }: LoadedAggregate): Promise<void> {
  await snapshotStore.saveSnapshot(
    { aggregateType: 'Person', aggregateId },
    { ...snapshot, fingerprint: person.fingerprint },
  )
}
