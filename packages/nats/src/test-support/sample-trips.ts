/** Trips whose rooms are all booked, or none: a saga for processes that are killed. */

import assert from 'node:assert/strict'
import {
  type AggregateDefinition,
  type Command,
  type DomainEventEnvelope,
  deadline,
  defineAggregate,
  defineSaga,
  type EventStore,
  event,
  reject,
  type SagaDefinition,
  type Schema,
  step,
} from '@cim/core'

interface Booking {
  readonly trip: string
}

interface Plan {
  readonly rooms: readonly string[]
}

function anything<TData>(): Schema<TData> {
  return { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as TData }) } }
}

const room = defineAggregate('Room', {
  events: { Booked: anything<Booking>(), Freed: anything<Booking>() },
  commands: { Book: anything<Booking>(), Free: anything<Booking>() },
  initialState: { bookedFor: '' },
  decide: {
    Book: ({ bookedFor }, { data }) =>
      bookedFor === '' ? [event('Booked', data)] : reject('booked', `It is booked for ${bookedFor}.`),
    Free: (_, { data }) => [event('Freed', data)],
  },
  apply: { Booked: (_, { data }) => ({ bookedFor: data.trip }), Freed: () => ({ bookedFor: '' }) },
})

const trip = defineAggregate('Trip', {
  events: { TripPlanned: anything<Plan>() },
  commands: { PlanTrip: anything<Plan>() },
  initialState: {},
  decide: { PlanTrip: (_, { data }) => [event('TripPlanned', data)] },
  apply: { TripPlanned: (state) => state },
})

const mostRooms = 3
const roomStep = (index: number): string => `Room ${index}`

export const aggregates = [room, trip] as unknown as readonly AggregateDefinition[]

/** Books one room after the other. A trip to nowhere waits for its deadline. */
export const bookTrip: SagaDefinition = defineSaga('BookTrip', {
  from: [trip, room],
  startAt: 'beginning',
  initialState: { rooms: [] as readonly string[], booked: 0 },
  startedBy: { TripPlanned: ({ aggregateId }) => aggregateId },
  concerns: { Booked: ({ data }) => data.trip },
  on: {
    TripPlanned: (_, { data: { rooms } }, { sagaId }) => ({
      state: { rooms, booked: 0 },
      ...(rooms.length === 0
        ? { deadlines: [deadline('TooLate', { afterMs: 200 })] }
        : { commands: [book(rooms, 0, sagaId)] }),
    }),
    Booked: ({ rooms, booked }, _, { sagaId }) => ({
      state: { rooms, booked: booked + 1 },
      ...(booked + 1 === rooms.length ? { completed: true } : { commands: [book(rooms, booked + 1, sagaId)] }),
    }),
  },
  onDeadline: { TooLate: () => ({ failed: { code: 'too-late', message: 'There was no room.' } }) },
  compensate: Object.fromEntries(
    Array.from({ length: mostRooms }, (_, index) => [
      roomStep(index),
      ({ rooms }: Plan, { sagaId }: { readonly sagaId: string }) =>
        room.command('Free', { trip: sagaId }, { aggregateId: room.id(rooms[index] ?? '') }),
    ]),
  ),
}) as SagaDefinition

function book(rooms: readonly string[], index: number, sagaId: string) {
  return step(roomStep(index), room.command('Book', { trip: sagaId }, { aggregateId: room.id(rooms[index] ?? '') }))
}

/** @returns the command to plan a trip: one of five wants a room that another has, one of seven goes nowhere */
export function planTrip(index: number): Command {
  const own = Array.from({ length: mostRooms }, (_, number) => `r-${index}-${number}`)
  const wanted = index % 5 === 4 ? [...own.slice(1), 'shared'] : own
  const rooms = index % 7 === 6 ? [] : wanted
  return trip.command('PlanTrip', { rooms }, { aggregateId: trip.id(`t-${index}`) }) as Command
}

/** A trip has come to its end. */
export const endEvents: readonly string[] = ['events.BookTrip.SagaCompleted', 'events.BookTrip.SagaFailed']

/** Each trip has ended once, with all of its rooms or none, and no room was booked or freed twice for it. */
export async function assertTripsWhole(eventStore: EventStore, count: number): Promise<void> {
  const ends = new Map<string, string>()
  for (const { aggregateId, eventType } of await readAll(eventStore, 'BookTrip')) {
    if (eventType !== 'SagaCompleted' && eventType !== 'SagaFailed') continue
    assert.equal(ends.has(aggregateId), false, `${aggregateId} has ended twice`)
    ends.set(aggregateId, eventType)
  }
  assert.equal(ends.size, count)
  const done = new Set<string>()
  for (const { aggregateId, eventType, eventData } of await readAll(eventStore, 'Room')) {
    const line = `${eventType} ${aggregateId} for ${(eventData as Booking).trip}`
    assert.equal(done.has(line), false, `${line} came twice`)
    done.add(line)
  }
  let shared = 0
  for (const [id, end] of ends) {
    const { rooms } = planTrip(Number(id.slice(2))).data as Plan
    const of = (eventType: string) => rooms.filter((name) => done.has(`${eventType} ${name} for ${id}`))
    if (end === 'SagaCompleted') assert.deepEqual([of('Booked'), of('Freed')], [rooms, []], id)
    else assert.deepEqual(of('Freed'), of('Booked'), id)
    if (end === 'SagaCompleted' && rooms.includes('shared')) shared++
  }
  assert.equal(shared, count > 4 ? 1 : 0, 'one has got the room that several wanted')
}

async function readAll(eventStore: EventStore, aggregateType: string): Promise<readonly DomainEventEnvelope[]> {
  const events: DomainEventEnvelope[] = []
  for (let afterPosition = 0; ; ) {
    const page = await eventStore.readEvents({ aggregateType, afterPosition })
    events.push(...page.events)
    if (page.isEnd) return events
    afterPosition = page.position
  }
}
