import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import { settle, withHooks } from '../sample-account.test.ts'
import { ChangeFailure, ViewSession } from './view-session.ts'
import type { ViewDefinition, ViewStore } from './view-store.ts'

type Count = { readonly count: number }
const view: ViewDefinition = { viewName: 'Counts', version: 1, indexes: { count: ({ count }: Count) => count } }
const add = (amount: number) => (one: Count | undefined) => ({ count: (one?.count ?? 0) + amount })
const fails = () => assert.fail('this change fails')

async function open(hooks: (memory: MemoryViewStore) => Partial<ViewStore> = () => ({}), isStrict = false) {
  const memory = new MemoryViewStore()
  await memory.openView(view)
  await memory.commit(view, {
    expectedCheckpoint: 0,
    position: 1,
    changes: [{ id: 'a', before: undefined, after: { count: 1 } }],
  })
  const session = new ViewSession<Count, string>(withHooks<ViewStore>(memory, hooks(memory)), view, { isStrict })
  const counts = async () => new Map((await memory.list(view)).map(({ id, view }) => [id, (view as Count).count]))
  return { memory, session, counts }
}

describe('a batch that is undone', () => {
  test('leaves what batches before it have changed', async () => {
    const { session, counts } = await open()
    session.beginBatch()
    session.update('a', add(10), 'one')
    session.update('b', add(20), 'one')
    await session.apply()
    session.beginBatch()
    session.update('a', add(100), 'two')
    session.update('b', () => undefined, 'two')
    session.update('c', add(5), 'two')
    await session.apply()
    session.update('a', add(1000), 'two')
    assert.equal(session.touchedDocuments, 3)
    session.rollbackBatch()
    assert.equal(session.touchedDocuments, 2)
    assert.deepEqual([await session.get('a'), await session.get('b')], [{ count: 11 }, { count: 20 }])
    assert.deepEqual(await session.find('count', 5), [])
    session.update('a', add(2), 'two again')
    await session.commit({ expectedCheckpoint: 1, position: 2 })
    assert.deepEqual(
      await counts(),
      new Map([
        ['a', 13],
        ['b', 20],
      ]),
    )
  })

  test('can be undone again and again, and after a checkpoint', async () => {
    const { session, counts } = await open()
    for (let round = 0; round < 5; round++) {
      session.beginBatch()
      session.update('a', add(7), 'one')
      await session.apply()
      session.rollbackBatch()
    }
    session.update('a', add(1), 'two')
    await session.commit({ expectedCheckpoint: 1, position: 2 })
    session.beginBatch()
    session.update('a', add(50), 'three')
    await session.apply()
    session.rollbackBatch()
    await session.commit({ expectedCheckpoint: 2, position: 3 })
    assert.deepEqual(await counts(), new Map([['a', 2]]))
  })

  test('is not changed any more by what was asked for before', async () => {
    const reading = Promise.withResolvers<void>()
    const { session, counts } = await open((memory) => ({
      getMany: async (...request) => {
        await reading.promise
        return memory.getMany(...request)
      },
    }))
    session.beginBatch()
    session.update('a', add(10), 'given up')
    const asked = session.get('b')
    await settle()
    session.rollbackBatch()
    session.update('a', add(100), 'again')
    reading.resolve()
    await asked
    await session.commit({ expectedCheckpoint: 1, position: 2 })
    assert.deepEqual(await counts(), new Map([['a', 101]]))
  })
})

describe('a change that fails', () => {
  test('is told with its cause, also when a handler has caught it, until the batch is undone', async () => {
    const { session, counts } = await open()
    session.beginBatch()
    session.update('b', fails, 'the culprit')
    session.update('a', add(10), 'another')
    const isCulprit = (error: unknown) => error instanceof ChangeFailure && error.cause === 'the culprit'
    await assert.rejects(session.get('a'), isCulprit)
    await assert.rejects(session.apply(), isCulprit)
    await assert.rejects(session.find('count', 1), isCulprit)
    await assert.rejects(session.commit({ expectedCheckpoint: 1, position: 2 }), isCulprit)
    assert.equal(session.failure?.cause, 'the culprit')
    session.rollbackBatch()
    assert.equal(session.failure, undefined)
    session.update('a', add(10), 'another')
    await session.commit({ expectedCheckpoint: 1, position: 2 })
    assert.deepEqual(await counts(), new Map([['a', 11]]))
  })

  test('is one that makes what no store can keep, when the session is strict', async () => {
    const wrong = [{ count: Number.NaN }, { count: 1, at: new Date() }, { count: {} }] as unknown as Count[]
    for (const document of wrong) {
      const { session } = await open(undefined, true)
      session.update('a', () => document, 'the culprit')
      await assert.rejects(session.apply(), (error) => error instanceof ChangeFailure && error.cause === 'the culprit')
      const lenient = (await open()).session
      lenient.update('a', () => document, 'the culprit')
      await lenient.apply()
      assert.equal(lenient.isStorable(), false)
    }
    const { session } = await open(undefined, true)
    session.update('a', add(1), 'fine')
    session.update('b', () => undefined, 'fine')
    await session.apply()
    assert.equal(session.isStorable(), true)
  })
})

test('a read that the store fails is remembered, whatever a handler makes of it', async () => {
  const { session } = await open(() => ({ getMany: async () => assert.fail('the store is away') }))
  session.assertStoreWorks()
  await session.get('a').catch(() => undefined)
  assert.throws(() => session.assertStoreWorks(), /the store is away/)
})
