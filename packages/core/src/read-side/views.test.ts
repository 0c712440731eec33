import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import { errorOf } from '../sample-account.test.ts'
import { EventViews } from './event-views.ts'
import { type BalanceView, balances, filled, watchedViews } from './sample-balances.test.ts'
import { ViewSession } from './view-session.ts'

const ada: BalanceView = { owner: 'Ada', balance: 1 }
const bob: BalanceView = { owner: 'Bob', balance: 2 }

/** A store that holds Ada's account, and a session over it. */
async function open() {
  const memory = new MemoryViewStore()
  await memory.openView(balances)
  const changes = [{ id: 'a', before: undefined, after: ada }]
  await memory.commit(balances, { expectedCheckpoint: 0, position: 1, changes })
  const watched = watchedViews(memory)
  const unitOfWork = new ViewSession<BalanceView, DomainEventEnvelope>(watched.viewStore, balances)
  const [event] = await (await filled(1)).loadEvents({ aggregateType: 'Account', aggregateId: 'a-1' })
  if (event === undefined) assert.fail('there is an event')
  const views = new EventViews(unitOfWork, 'BalanceView', event)
  const session = {
    set: views.set.bind(views),
    update: views.update.bind(views),
    delete: views.delete.bind(views),
    get: views.get.bind(views),
    find: views.find.bind(views),
    apply: () => unitOfWork.apply(),
    commit: (expectedCheckpoint: number, position: number) => unitOfWork.commit({ expectedCheckpoint, position }),
  }
  return { memory, ...watched, session }
}

describe('the views that a handler sees', () => {
  test('are those of the store, with all changes so far', async () => {
    const { session, memory } = await open()
    assert.deepEqual(await session.get('a'), ada)
    assert.equal(await session.get('b'), undefined)
    session.set('b', bob)
    assert.deepEqual(await session.get('b'), bob)
    session.update('b', (view) => ({ owner: view?.owner ?? '', balance: 3 }))
    assert.deepEqual(await session.get('b'), { owner: 'Bob', balance: 3 })
    session.update('a', () => undefined)
    assert.equal(await session.get('a'), undefined)
    session.update('a', (view) => {
      assert.equal(view, undefined)
      return ada
    })
    session.delete('b')
    assert.deepEqual([await session.get('a'), await session.get('b')], [ada, undefined])
    assert.deepEqual(await memory.list(balances), [{ id: 'a', view: ada }], 'nothing is stored before the commit')
  })

  test('are found by what they are now, not by what is stored', async () => {
    const { session } = await open()
    const idsOf = async (owner: string) => (await session.find('owner', owner)).map(({ id }) => id)
    session.set('c', { owner: 'Ada', balance: 5 })
    session.set('b', { owner: 'Ada', balance: 5 })
    assert.deepEqual(await idsOf('Ada'), ['a', 'b', 'c'])
    session.update('a', () => bob)
    session.delete('c')
    assert.deepEqual(await idsOf('Ada'), ['b'])
    assert.deepEqual(await session.find('owner', 'Bob'), [{ id: 'a', view: bob }])
    assert.deepEqual(
      (await session.find('balance', 5)).map(({ id }) => id),
      ['b'],
    )
    await session.commit(1, 2)
    assert.deepEqual(await idsOf('Ada'), ['b'])
    assert.deepEqual(await idsOf('Bob'), ['a'])
    session.set('b', bob)
    assert.deepEqual(await idsOf('Ada'), [])
    assert.deepEqual(await idsOf('Bob'), ['a', 'b'])
  })

  test('are all found, however many there are', async () => {
    const { session, memory } = await open()
    const changes = Array.from({ length: 2500 }, (_, index) => ({ id: `m-${index}`, before: undefined, after: bob }))
    await memory.commit(balances, { expectedCheckpoint: 1, position: 2, changes })
    session.set('z', bob)
    session.delete('m-1')
    const ids = (await session.find('owner', 'Bob')).map(({ id }) => id)
    assert.deepEqual([ids.length, ids.includes('z'), ids.includes('m-1')], [2500, true, false])
    assert.deepEqual(ids, [...ids].sort())
  })

  test('have no other indexes than the projection defines', async () => {
    const { session } = await open()
    await errorOf(session.find('name', 'Ada'), 'unknown-index')
    session.set('b', bob)
    await errorOf(session.find('constructor', 'Ada'), 'unknown-index')
  })
})

describe('a session over views', () => {
  test('reads and writes each document once, however often it changes', async () => {
    const { session, reads, commits } = await open()
    for (let round = 0; round < 100; round++) {
      for (const id of ['a', 'b', 'c']) {
        session.update(id, (view) => ({ owner: view?.owner ?? id, balance: (view?.balance ?? 0) + 1 }))
      }
    }
    await session.commit(1, 2)
    assert.deepEqual(reads, [['a', 'b', 'c']])
    assert.deepEqual(commits, [[2, ['a', 'b', 'c']]])
  })

  test('keeps what it knows from one checkpoint to the next', async () => {
    const { session, reads, commits, memory } = await open()
    session.update('a', () => bob)
    await session.commit(1, 2)
    session.update('a', (view) => ({ ...(view ?? ada), balance: 7 }))
    session.set('b', ada)
    await session.commit(2, 3)
    assert.deepEqual(reads, [['a'], ['b']])
    assert.deepEqual(commits, [
      [2, ['a']],
      [3, ['a', 'b']],
    ])
    assert.deepEqual(await memory.find(balances, 'owner', { equals: 'Bob' }), [
      { id: 'a', value: 'Bob', view: { owner: 'Bob', balance: 7 } },
    ])
  })

  test('writes only what is different', async () => {
    const { session, commits } = await open()
    session.update('a', (view) => view)
    session.set('b', bob)
    session.delete('b')
    session.delete('nobody')
    await session.get('c')
    await session.commit(1, 5)
    assert.deepEqual(commits, [[5, []]])
  })

  test('applies changes in the order of the calls', async () => {
    const { session } = await open()
    const order: number[] = []
    for (const step of [1, 2, 3]) {
      session.update('a', (view) => {
        order.push(step)
        return view
      })
    }
    assert.equal(order.length, 0)
    await session.get('a')
    session.update('a', (view) => {
      order.push(4)
      return view
    })
    await session.apply()
    assert.deepEqual(order, [1, 2, 3, 4])
  })

  test('is refused when another runner has moved the checkpoint', async () => {
    const { session, memory } = await open()
    session.set('b', bob)
    await session.apply()
    await memory.commit(balances, { expectedCheckpoint: 1, position: 2, changes: [] })
    await errorOf(session.commit(1, 2), 'stale-checkpoint')
    assert.deepEqual((await memory.list(balances)).length, 1)
  })

  test('names documents in well-formed text, as stores keep it', async () => {
    const { session, memory } = await open()
    session.set('half \ud800', bob)
    assert.deepEqual(await session.get('half \ufffd'), bob)
    assert.deepEqual(await session.get('half \ud800'), bob)
    await session.commit(1, 2)
    assert.deepEqual(
      (await memory.list(balances, { afterId: 'b' })).map(({ id }) => id),
      ['half \ufffd'],
    )
    session.delete('half \ud800')
    await session.commit(2, 3)
    assert.equal(await memory.count(balances), 1)
  })
})
