import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { a1, account, appendDeposits, errorOf } from '../sample-account.test.ts'
import { historyOf, type Moment, stateAt } from './state-at.ts'

const day = 86_400_000
const start = Date.UTC(2026, 0, 1)

/** Four events on four days, with events of another account between them. */
async function open() {
  let time = start
  const eventStore = new MemoryEventStore({ now: () => time })
  const events = [
    { eventType: 'Opened', eventData: { owner: 'Ada' } },
    { eventType: 'Deposited', eventData: { amount: 100 } },
    { eventType: 'Withdrawn', eventData: { amount: 30 } },
    { eventType: 'Deposited', eventData: { amount: 5 } },
  ]
  for (const event of events) {
    await eventStore.appendEvents({ aggregateType: 'Account', aggregateId: a1 }, [event], { expectedVersion: 'any' })
    await appendDeposits(eventStore, 'a-2', 1000)
    time += day
  }
  const at = async (moment?: Moment) => {
    const { version, state } = await stateAt(account, eventStore, a1, moment)
    return [version, state.balance]
  }
  return { eventStore, at }
}

describe('the state of an aggregate', () => {
  test('is known after each of its versions', async () => {
    const { at } = await open()
    assert.deepEqual(await at({ version: 0 }), [0, 0])
    assert.deepEqual(await at({ version: 1 }), [1, 0])
    assert.deepEqual(await at({ version: 2 }), [2, 100])
    assert.deepEqual(await at({ version: 3 }), [3, 70])
    assert.deepEqual(await at({ version: 4 }), [4, 75])
    assert.deepEqual(await at({ version: 99 }), [4, 75])
    assert.deepEqual(await at(), [4, 75])
    assert.deepEqual(await at({}), [4, 75])
  })

  test('is known at each position, also between its own events', async () => {
    const { at } = await open()
    const balances = [0, 0, 0, 100, 100, 70, 70, 75, 75, 75]
    for (const [position, balance] of balances.entries()) {
      assert.deepEqual(await at({ position }), [Math.min(4, Math.ceil(position / 2)), balance])
    }
  })

  test('is known at each time, the events of that very millisecond included', async () => {
    const { at } = await open()
    const iso = (time: number): string => new Date(time).toISOString()
    assert.deepEqual(await at({ timestamp: iso(start - 1) }), [0, 0])
    assert.deepEqual(await at({ timestamp: iso(start) }), [1, 0])
    assert.deepEqual(await at({ timestamp: iso(start + day - 1) }), [1, 0])
    assert.deepEqual(await at({ timestamp: iso(start + day) }), [2, 100])
    assert.deepEqual(await at({ timestamp: '2026-01-03T01:00:00+01:00' }), [3, 70])
    assert.deepEqual(await at({ timestamp: '2026-01-03' }), [3, 70])
    assert.deepEqual(await at({ timestamp: '2030-01-01' }), [4, 75])
  })

  test('comes with version, position and time of its last event', async () => {
    const { eventStore } = await open()
    const loaded = await stateAt(account, eventStore, a1, { position: 6 })
    assert.deepEqual(loaded, {
      aggregateId: 'a-1',
      state: { owner: 'Ada', balance: 70 },
      version: 3,
      position: 5,
      timestamp: '2026-01-03T00:00:00.000Z',
    })
  })

  test('is the initial one when the aggregate never existed', async () => {
    const { eventStore } = await open()
    for (const moment of [{}, { version: 5 }, { position: 5 }, { timestamp: '2030-01-01' }]) {
      const { version, state } = await stateAt(account, eventStore, 'nobody', moment)
      assert.deepEqual([version, state], [0, account.initialState])
    }
  })

  test('is found in a long history too', async () => {
    const eventStore = new MemoryEventStore({ now: () => start })
    for (let page = 0; page < 5; page++) await appendDeposits(eventStore, a1, ...Array.from({ length: 700 }, () => 1))
    for (const version of [999, 1000, 1001, 2000, 3499, 3500]) {
      const byVersion = await stateAt(account, eventStore, a1, { version })
      const byPosition = await stateAt(account, eventStore, a1, { position: version })
      assert.deepEqual([byVersion.state.balance, byPosition], [version, byVersion])
    }
    assert.equal((await stateAt(account, eventStore, a1, { timestamp: '2026-01-01' })).version, 3500)
  })

  test('cannot be asked for at two moments at once, or at an impossible one', async () => {
    const { eventStore } = await open()
    for (const [moment, message] of [
      [{ version: 1, position: 1 }, /one of version, position and timestamp, got version and position/],
      [{ version: -1 }, /\/version: must be a whole number from 0, got -1/],
      [{ position: 1.5 }, /\/position: must be a whole number from 0, got 1.5/],
      [{ version: '1' }, /\/version: must be a whole number from 0, got 1/],
      [{ timestamp: 'yesterday' }, /\/timestamp: must be ISO-8601/],
      [{ time: '2026-01-01' }, /\/time: is unknown/],
    ] as const) {
      const error = await errorOf(stateAt(account, eventStore, a1, moment as Moment), 'validation')
      assert.match(error.message, message)
    }
  })
})

describe('the history of an aggregate', () => {
  test('shows each event with the difference that it made', async () => {
    const { eventStore } = await open()
    const history = await historyOf(account, eventStore, a1)
    assert.deepEqual(
      history.map(({ event, differences }) => [event.sequence, event.eventType, event.data, differences]),
      [
        [1, 'Opened', { owner: 'Ada' }, [{ pointer: '/owner', kind: 'changed', before: null, after: 'Ada' }]],
        [2, 'Deposited', { amount: 100 }, [{ pointer: '/balance', kind: 'changed', before: 0, after: 100 }]],
        [3, 'Withdrawn', { amount: 30 }, [{ pointer: '/balance', kind: 'changed', before: 100, after: 70 }]],
        [4, 'Deposited', { amount: 5 }, [{ pointer: '/balance', kind: 'changed', before: 70, after: 75 }]],
      ],
    )
    for (const { event, state } of history) {
      assert.deepEqual(state, (await stateAt(account, eventStore, a1, { version: event.sequence })).state)
    }
  })

  test('can be read in parts', async () => {
    const { eventStore } = await open()
    const whole = await historyOf(account, eventStore, a1)
    assert.deepEqual(await historyOf(account, eventStore, a1, { fromVersion: 3 }), whole.slice(2))
    assert.deepEqual(await historyOf(account, eventStore, a1, { fromVersion: 2, limit: 2 }), whole.slice(1, 3))
    assert.deepEqual(await historyOf(account, eventStore, a1, { fromVersion: 5 }), [])
    assert.deepEqual(await historyOf(account, eventStore, 'nobody'), [])
    for (let append = 0; append < 120; append++) await appendDeposits(eventStore, a1, 1)
    assert.equal((await historyOf(account, eventStore, a1)).length, 100)
  })

  test('is refused with an option that is unknown or impossible', async () => {
    const { eventStore } = await open()
    for (const options of [{ from: 2 }, { fromVersion: -1 }, { limit: 1.5 }]) {
      await errorOf(historyOf(account, eventStore, a1, options), 'invalid-option')
    }
  })
})
