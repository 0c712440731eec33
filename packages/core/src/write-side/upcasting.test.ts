/** Events that were stored by older and newer programs. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { errorOf, shape } from '../sample-account.test.ts'
import { historyOf } from '../time-travel/state-at.ts'
import { defineAggregate } from './aggregate.ts'
import { event } from './decision.ts'
import { Repository } from './repository.ts'

type Name = { readonly given: string; readonly family: string }
type State = { readonly names: readonly string[] }

const initialState: State = { names: [] }

/** Version 1 had one string, version 2 an object with one name, version 3 has two. */
const person = defineAggregate('Person', {
  events: { Named: shape<Name>({ given: 'string', family: 'string' }) },
  commands: {},
  initialState,
  decide: {},
  apply: { Named: ({ names }, { data }) => ({ names: [...names, `${data.family}, ${data.given}`] }) },
  upcasters: {
    Named: [
      (data) => ({ name: data }),
      (data) => {
        const [given, family = ''] = (data as { readonly name: string }).name.split(' ')
        return { given, family }
      },
    ],
  },
})

const ada = { aggregateType: 'Person', aggregateId: 'ada' }

describe('stored events', () => {
  test('of a type that was taken out of the definition change nothing, and are still shown', async () => {
    const eventStore = new MemoryEventStore()
    const events = [
      { eventType: 'Nicknamed', eventData: { name: 'Countess' }, schemaVersion: 2 },
      { eventType: 'Named', eventData: 'Ada Byron', schemaVersion: 1 },
    ]
    await eventStore.appendEvents(ada, events, { expectedVersion: 0 })
    const loaded = await new Repository({ definition: person, eventStore }).load('ada')
    assert.equal(loaded.version, 2)
    assert.deepEqual(loaded.state, { names: ['Byron, Ada'] })
    const [first] = await historyOf(person, eventStore, 'ada')
    assert.deepEqual([first?.event.data, first?.differences], [{ name: 'Countess' }, []])
  })

  test('of older schema versions are lifted step by step', async () => {
    const eventStore = new MemoryEventStore()
    const events = [
      { eventType: 'Named', eventData: 'Ada Byron', schemaVersion: 1 },
      { eventType: 'Named', eventData: { name: 'Ada King' }, schemaVersion: 2 },
      { eventType: 'Named', eventData: { given: 'Ada', family: 'Lovelace' }, schemaVersion: 3 },
    ]
    await eventStore.appendEvents(ada, events, { expectedVersion: 0 })
    const { state } = await new Repository({ definition: person, eventStore }).load('ada')
    assert.deepEqual(state.names, ['Byron, Ada', 'King, Ada', 'Lovelace, Ada'])
    const stored = await eventStore.loadEvents(ada)
    assert.deepEqual(stored[0]?.eventData, 'Ada Byron', 'the events themselves never change')
  })

  test('are written with the newest schema version', async () => {
    const eventStore = new MemoryEventStore()
    const repository = new Repository({ definition: person, eventStore })
    const { events } = await repository.save(await repository.load('ada'), [
      event('Named', { given: 'A', family: 'B' }),
    ])
    assert.equal(events[0]?.schemaVersion, 3)
  })

  test('of a newer schema version than the program knows are a clear error', async () => {
    const eventStore = new MemoryEventStore()
    const events = [{ eventType: 'Named', eventData: {}, schemaVersion: 4 }]
    await eventStore.appendEvents(ada, events, { expectedVersion: 0 })
    const error = await errorOf(new Repository({ definition: person, eventStore }).load('ada'), 'undecodable-event')
    assert.match(error.message, /^Event Named at position 1 \(Person "ada", sequence 1\) cannot be applied/)
    assert.match(error.message, /schema version 4, this program knows versions up to 3/)
  })

  test('that an upcaster cannot lift are a clear error with its cause', async () => {
    const eventStore = new MemoryEventStore()
    const events = [{ eventType: 'Named', eventData: {}, schemaVersion: 2 }]
    await eventStore.appendEvents(ada, events, { expectedVersion: 0 })
    const error = await errorOf(new Repository({ definition: person, eventStore }).load('ada'), 'undecodable-event')
    assert.ok(error.cause instanceof TypeError)
  })

  test('of a type that is no longer defined leave the state as it is', async () => {
    const eventStore = new MemoryEventStore()
    const events = [
      { eventType: 'Forgotten', eventData: {} },
      { eventType: 'constructor', eventData: {} },
      { eventType: 'Named', eventData: 'Ada Byron' },
    ]
    await eventStore.appendEvents(ada, events, { expectedVersion: 0 })
    const { state, version } = await new Repository({ definition: person, eventStore }).load('ada')
    assert.deepEqual([state.names, version], [['Byron, Ada'], 3])
  })
})
