/** Sagas over SQLite: the whole way, and a restart on the same files. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  type AggregateDefinition,
  Application,
  deadline,
  defineAggregate,
  defineSaga,
  event,
  reject,
  type SagaDefinition,
  type Schema,
  step,
} from '@cim/core'
import { SqliteEventStore } from './sqlite-event-store.ts'
import { SqliteViewStore } from './sqlite-view-store.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

type Booking = { readonly trip: string }

function anything<TData>(): Schema<TData> {
  return { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as TData }) } }
}

const booking = anything<Booking>()
const room = defineAggregate('Room', {
  events: { Booked: booking, Freed: booking, TripPlanned: anything<{ readonly rooms: readonly string[] }>() },
  commands: { Book: booking, Free: booking, PlanTrip: anything<{ readonly rooms: readonly string[] }>() },
  initialState: { bookedFor: '' },
  decide: {
    Book: ({ bookedFor }, { data }) =>
      bookedFor === '' ? [event('Booked', data)] : reject('booked', `It is booked for ${bookedFor}.`),
    Free: (_, { data }) => [event('Freed', data)],
    PlanTrip: (_, { data }) => [event('TripPlanned', data)],
  },
  apply: {
    Booked: (_, { data }) => ({ bookedFor: data.trip }),
    Freed: () => ({ bookedFor: '' }),
    TripPlanned: (state) => state,
  },
})

/** Books all rooms or none; a trip whose rooms are booked is over after a day. */
const trip = defineSaga('Trip', {
  from: [room],
  initialState: { rooms: [] as readonly string[] },
  startedBy: { TripPlanned: ({ aggregateId }) => aggregateId },
  on: {
    TripPlanned: (_, { data: { rooms } }, { sagaId }) => ({
      state: { rooms },
      commands: rooms.map((id, index) =>
        step(`Room ${index}`, room.command('Book', { trip: sagaId }, { aggregateId: room.id(id) })),
      ),
      deadlines: [deadline('Over', { afterMs: 86_400_000 })],
    }),
  },
  onDeadline: { Over: () => ({ completed: true }) },
  compensate: Object.fromEntries(
    [0, 1, 2].map((index) => [
      `Room ${index}`,
      ({ rooms }: { readonly rooms: readonly string[] }, { sagaId }: { readonly sagaId: string }) =>
        room.command('Free', { trip: sagaId }, { aggregateId: room.id(rooms[index] ?? '') }),
    ]),
  ),
})

/** An application on files that are kept, with a clock that a test moves. */
function open(folder: string, time: { now: number }) {
  const now = () => time.now
  const eventStore = new SqliteEventStore({ path: join(folder, 'events.db'), now })
  const viewStore = new SqliteViewStore({ path: join(folder, 'views.db') })
  const application = new Application({
    ...{ eventStore, viewStore, snapshotStore: eventStore.snapshotStore, now },
    aggregates: [room as unknown as AggregateDefinition],
    sagas: [trip as SagaDefinition],
    repository: { snapshotEvery: 2 },
  })
  const plan = (tripId: string, ...rooms: readonly string[]) =>
    application.dispatch(room.command('PlanTrip', { rooms }, { aggregateId: room.id(tripId) }))
  const until = async (tripId: string, isReached: (status: string, pending: number) => boolean) => {
    for (;;) {
      const view = await application.sagas.get('Trip', tripId)
      if (view !== undefined && isReached(view.status, view.pendingCommands.length)) return view
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  const bookedFor = async (id: string) =>
    ((await application.stateAt('Room', id)).state as { bookedFor: string }).bookedFor
  const close = async () => {
    await application.stop()
    await eventStore.close()
    await viewStore.close()
  }
  return { application, plan, until, bookedFor, close }
}

test('a saga goes its whole way over SQLite, through restarts in the middle', { timeout: 60_000 }, async (context) => {
  const folder = temporaryFolder(context)
  const time = { now: Date.UTC(2026, 0, 1) }
  const first = open(folder, time)
  await first.application.start()
  await first.plan('t-1', 'a', 'b')
  await first.until('t-1', (status, pending) => status === 'Running' && pending === 0)
  // Not waited for: the next process finds it at any stage.
  await first.plan('t-2', 'c', 'd', 'a')
  await first.close()

  time.now += 86_400_000
  const second = open(folder, time)
  await second.application.start()
  const [over, refused] = [
    await second.until('t-1', (status) => status === 'Completed'),
    await second.until('t-2', (status) => status === 'Failed'),
  ]
  assert.deepEqual([over.doneSteps, over.deadlines], [['Room 0', 'Room 1'], []])
  assert.deepEqual(refused.failure, { code: 'booked', message: 'It is booked for t-1.' })
  const rooms = await Promise.all(['a', 'b', 'c', 'd'].map(second.bookedFor))
  assert.deepEqual(rooms, ['t-1', 't-1', '', ''])
  const timeline = await second.application.sagas.timeline('Trip', 't-2')
  await second.close()

  const third = open(folder, time)
  await third.application.start()
  await third.plan('t-3', 'c')
  await third.until('t-3', (_, pending) => pending === 0)
  assert.deepEqual(await third.application.sagas.timeline('Trip', 't-2'), timeline)
  const [overview] = await third.application.sagas.overview()
  assert.deepEqual(overview?.totals, { Running: 1, Stuck: 0, Compensating: 0, Completed: 1, Failed: 1 })
  await third.close()
})
