/** What holds for the past of any aggregates. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Difference, historyOf, MemoryEventStore, stateAt } from '@cim/core'
import fc from 'fast-check'
import { checkProperty } from '../conformance/check-property.ts'
import { type AccountState, account } from './sample-account.test.ts'

/** What happened: to which account, how much, and how long after the event before. */
const happenings = fc.array(
  fc.record({ id: fc.constantFrom('a', 'b'), amount: fc.integer({ min: 1, max: 9 }), pauseMs: fc.nat(2) }),
  { maxLength: 30 },
)

describe('any past', () => {
  test('gives the same state by version, by position, by time and by history', async () => {
    const property = fc.asyncProperty(happenings, async (past) => {
      let time = Date.UTC(2026, 0, 1)
      const store = new MemoryEventStore({ now: () => time })
      for (const { id, amount, pauseMs } of past) {
        time += pauseMs
        const event = { eventType: 'Deposited', eventData: { amount } }
        await store.appendEvents({ aggregateType: 'Account', aggregateId: id }, [event], { expectedVersion: 'any' })
      }
      const history = await historyOf(account, store, 'a')
      const states: AccountState[] = [account.initialState]
      for (const { event, differences, state } of history) {
        states.push(state)
        const before = states[event.sequence - 1] ?? account.initialState
        assert.deepEqual(patched(before, differences), state, 'the differences lead from state to state')
        assert.deepEqual((await stateAt(account, store, 'a', { version: event.sequence })).state, state)
      }
      const balance = past.filter(({ id }) => id === 'a').reduce((sum, { amount }) => sum + amount, 0)
      assert.equal(states.at(-1)?.balance, balance)
      const head = await store.headPosition()
      for (let position = 0; position <= head; position++) {
        const version = history.filter(({ event }) => event.position <= position).length
        const loaded = await stateAt(account, store, 'a', { position })
        assert.deepEqual([loaded.version, loaded.state], [version, states[version]])
      }
      for (let moment = Date.UTC(2026, 0, 1) - 1; moment <= time + 1; moment++) {
        const timestamp = new Date(moment).toISOString()
        const version = history.filter(({ event }) => event.timestamp <= timestamp).length
        const loaded = await stateAt(account, store, 'a', { timestamp })
        assert.deepEqual([loaded.version, loaded.state], [version, states[version]])
      }
    })
    await checkProperty(property, 60)
  })
})

/** Makes the changes that differences tell of. */
function patched(state: unknown, differences: readonly Difference[]): unknown {
  const root = { '': structuredClone(state) }
  for (const { pointer, kind, after } of differences) {
    const path = ['', ...pointer.split('/').slice(1)].map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
    const last = path.pop() ?? ''
    const container = path.reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, root)
    if (kind === 'removed') Reflect.deleteProperty(container, last)
    else container[last] = after
  }
  return root['']
}
