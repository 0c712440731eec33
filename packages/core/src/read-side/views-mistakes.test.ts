/** Mistakes that handlers make: they must show, not lead to a wrong view. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import { withHooks } from '../sample-account.test.ts'
import { ChangeFailure, ViewSession } from './view-session.ts'
import type { ViewDefinition, ViewStore } from './view-store.ts'

type Balance = { balance: number }
const view: ViewDefinition = { viewName: 'Balances', version: 1, indexes: {} }

async function open(store: ViewStore = new MemoryViewStore()): Promise<ViewSession<Balance>> {
  await store.openView(view)
  return new ViewSession<Balance>(store, view)
}

describe('a session of a view', () => {
  test('refuses a handler that changes a document in place', async () => {
    const session = await open()
    session.update('a', () => ({ balance: 1 }), 'one')
    await session.commit({ expectedCheckpoint: 0, position: 1 })
    session.update(
      'a',
      (one) => {
        if (one !== undefined) one.balance += 5
        return one
      },
      'two',
    )
    await assert.rejects(session.apply(), (failure: ChangeFailure<string>) => {
      assert.equal(failure.cause, 'two')
      assert.match(String(failure.error), /read only property 'balance'/)
      return failure instanceof ChangeFailure
    })
  })

  test('loses no change when a handler asks for several documents at once', async () => {
    const memory = new MemoryViewStore()
    const slow = withHooks<ViewStore>(memory, {
      getMany: async (...request) => {
        const found = await memory.getMany(...request)
        await new Promise(setImmediate)
        return found
      },
    })
    const session = await open(slow)
    session.update('a', () => ({ balance: 1 }), 'one')
    session.update('b', (one) => ({ balance: (one?.balance ?? 0) + 2 }), 'two')
    assert.deepEqual(await Promise.all([session.get('a'), session.get('b')]), [{ balance: 1 }, { balance: 2 }])
    await session.commit({ expectedCheckpoint: 0, position: 1 })
    assert.deepEqual(
      await memory.getMany(view, ['a', 'b']),
      new Map([
        ['a', { balance: 1 }],
        ['b', { balance: 2 }],
      ]),
    )
  })

  test('keeps large documents in memory no longer than to the next checkpoint', async () => {
    const memory = new MemoryViewStore()
    let reads = 0
    const counting = withHooks<ViewStore>(memory, {
      getMany: (of, ids) => {
        reads += ids.length
        return memory.getMany(of, ids)
      },
    })
    await memory.openView(view)
    const session = new ViewSession<{ text: string }>(counting, view)
    for (let id = 0; id < 20; id++) {
      session.update(`large ${id}`, () => ({ text: 'x'.repeat(1_000_000) }), 'one')
    }
    await session.commit({ expectedCheckpoint: 0, position: 1 })
    await session.get('large 1')
    assert.equal(reads, 21)
  })
})
