import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { Application } from '../application/application.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import {
  account,
  accountDefinition,
  appendDeposits,
  errorOf,
  settle,
  shape,
  withHooks,
} from '../sample-account.test.ts'
import { LiveQueries } from './live-queries.ts'
import type { LiveResult } from './live-query.ts'
import { defineProjection, type ProjectionDefinition } from './projection.ts'
import { defineQuery, type QueryDefinition } from './query.ts'
import { QueryHandler } from './query-handler.ts'
import type { ViewChange, ViewStore } from './view-store.ts'

type Item = { readonly id: string; readonly size: number }

const items = defineProjection('ItemView', {
  from: [account],
  schema: shape<Item>({ id: 'string', size: 'number' }),
  indexes: { size: ({ size }) => size },
  on: {
    Deposited: ({ aggregateId, data }, views) =>
      views.update(aggregateId, (view) => ({
        id: aggregateId,
        size: (view?.size ?? 0) + data.amount,
      })),
  },
}) as unknown as ProjectionDefinition<Item, 'size'>

/** Commits documents as a processor does, and counts what is asked of the store. */
class Bench {
  readonly viewStore: ViewStore
  readonly live: LiveQueries
  /** How often a handler ran. */
  evaluations = 0
  /** Runs in each handler before it reads. */
  beforeRead: (() => Promise<void>) | undefined
  #position = 0

  static async open(context: TestContext, hooks: Partial<ViewStore> = {}, pollMs = 60_000): Promise<Bench> {
    const bench = new Bench(context, hooks, pollMs)
    await bench.viewStore.openView(items)
    return bench
  }

  private constructor(context: TestContext, hooks: Partial<ViewStore>, pollMs: number) {
    const viewStore = new MemoryViewStore()
    this.viewStore = withHooks<ViewStore>(viewStore, hooks)
    const evaluated = async (): Promise<void> => {
      this.evaluations++
      await this.beforeRead?.()
    }
    const parameters = shape<object>({})
    const result = shape<object>({})
    const queries = [
      defineQuery('GetItem', {
        parameters: shape<{ id: string }>({ id: 'string' }),
        result: result as never,
        handle: async ({ id }, read) => {
          await evaluated()
          return read(items).get(id) as never
        },
      }),
      defineQuery('FindLarge', {
        parameters,
        result: result as never,
        handle: async (_, read) => {
          await evaluated()
          return (await read(items).find('size', { from: 100 })) as never
        },
      }),
      defineQuery('CountItems', {
        parameters,
        result: result as never,
        handle: async (_, read) => {
          await evaluated()
          return (await read(items).count()) as never
        },
      }),
    ] as unknown as readonly QueryDefinition[]
    const projections = [items as unknown as ProjectionDefinition]
    const queryHandler = new QueryHandler({ viewStore: this.viewStore, projections, queries })
    this.live = new LiveQueries({ viewStore: this.viewStore, queryHandler, intervalMs: 0, pollMs })
    context.after(() => this.live.close())
  }

  watch(queryType: string, parameters: unknown = {}, signal?: AbortSignal): AsyncIterator<LiveResult> {
    const watched = this.live.watch({ queryType, parameters }, signal === undefined ? {} : { signal })
    return watched[Symbol.asyncIterator]()
  }

  async commit(...documents: readonly Item[]): Promise<void> {
    const known = await this.viewStore.getMany(
      items,
      documents.map(({ id }) => id),
    )
    const changes: ViewChange[] = documents.map((after) => ({ id: after.id, before: known.get(after.id), after }))
    const expectedCheckpoint = this.#position
    this.#position++
    await this.viewStore.commit(items, { expectedCheckpoint, position: this.#position, changes })
  }
}

async function resultOf(next: Promise<IteratorResult<LiveResult>>): Promise<LiveResult | 'done'> {
  const { done, value } = await next
  return done === true ? 'done' : value
}

/** Tells whether something comes, once everything has run that can run. */
async function isSilent(next: Promise<unknown>): Promise<boolean> {
  let isSilent = true
  const heard = next.then(() => {
    isSilent = false
  })
  await settle()
  heard.catch(() => undefined)
  return isSilent
}

describe('a query that is watched', () => {
  test('gives its result at once, and each other result that follows', async (context) => {
    const bench = await Bench.open(context)
    const watched = bench.watch('GetItem', { id: 'a' })
    assert.deepEqual(await resultOf(watched.next()), { result: undefined, position: 0 })
    const next = resultOf(watched.next())
    await bench.commit({ id: 'a', size: 1 })
    assert.deepEqual(await next, { result: { id: 'a', size: 1 }, position: 1 })
  })

  test('is not evaluated again when nothing that it read has changed', async (context) => {
    const bench = await Bench.open(context)
    const byId = bench.watch('GetItem', { id: 'a' })
    const byIndex = bench.watch('FindLarge')
    await Promise.all([byId.next(), byIndex.next()])
    const nothing = Promise.all([byId.next(), byIndex.next()])
    for (let size = 1; size < 50; size++) await bench.commit({ id: 'b', size }, { id: `c${size}`, size })
    assert.equal(await isSilent(nothing), true)
    assert.equal(bench.evaluations, 2)
  })

  test('notices documents that come into the range it has read, change in it, and leave it', async (context) => {
    const bench = await Bench.open(context)
    const watched = bench.watch('FindLarge')
    assert.deepEqual(await resultOf(watched.next()), { result: [], position: 0 })
    for (const [size, result] of [
      [100, [{ id: 'a', size: 100 }]],
      [150, [{ id: 'a', size: 150 }]],
      [99, []],
    ] as const) {
      const next = resultOf(watched.next())
      await bench.commit({ id: 'a', size })
      assert.deepEqual((await next) as LiveResult, { result, position: size === 100 ? 1 : size === 150 ? 2 : 3 })
    }
  })

  test('stays silent when another evaluation gives the same', async (context) => {
    const bench = await Bench.open(context)
    await bench.commit({ id: 'a', size: 1 })
    const watched = bench.watch('CountItems')
    assert.deepEqual(await resultOf(watched.next()), { result: 1, position: 1 })
    const next = watched.next()
    await bench.commit({ id: 'a', size: 2 })
    assert.equal(await isSilent(next), true)
    assert.equal(bench.evaluations, 2)
    await bench.commit({ id: 'b', size: 2 })
    assert.deepEqual(await resultOf(next), { result: 2, position: 3 })
  })

  test('gives a slow consumer the newest result, and none of those between', async (context) => {
    const bench = await Bench.open(context)
    const watched = bench.watch('GetItem', { id: 'a' })
    await watched.next()
    for (let size = 1; size <= 100; size++) await bench.commit({ id: 'a', size })
    assert.deepEqual(await resultOf(watched.next()), { result: { id: 'a', size: 100 }, position: 100 })
    assert.equal(bench.evaluations, 2)
  })

  test('misses no commit that comes while it is evaluated', async (context) => {
    const bench = await Bench.open(context)
    let commits = 0
    bench.beforeRead = async () => {
      if (commits < 20) await bench.commit({ id: 'a', size: ++commits })
    }
    const watched = bench.watch('GetItem', { id: 'a' })
    let last: LiveResult | 'done' = await resultOf(watched.next())
    bench.beforeRead = undefined
    await bench.commit({ id: 'a', size: 1000 })
    while (last !== 'done' && (last.result as Item).size !== 1000) last = await resultOf(watched.next())
    assert.notEqual(last, 'done')
  })

  test('notices a commit that comes between its read and its result', async (context) => {
    let late: (() => Promise<void>) | undefined
    const memory = new MemoryViewStore()
    const bench = await Bench.open(context, {
      changes: memory.changes,
      committed: memory.committed,
      openView: (view) => memory.openView(view),
      commit: (view, commit) => memory.commit(view, commit),
      getCheckpoint: (view) => memory.getCheckpoint(view),
      listViews: (name) => memory.listViews(name),
      getMany: async (view, ids) => {
        const found = await memory.getMany(view, ids)
        const run = late
        late = undefined
        await run?.()
        return found
      },
    })
    late = () =>
      memory.commit(items, {
        expectedCheckpoint: 0,
        position: 1,
        changes: [{ id: 'a', before: undefined, after: { id: 'a', size: 7 } }],
      })
    const watched = bench.watch('GetItem', { id: 'a' })
    assert.deepEqual(await resultOf(watched.next()), { result: undefined, position: 0 })
    assert.deepEqual(await resultOf(watched.next()), { result: { id: 'a', size: 7 }, position: 1 })
  })

  test('notices by and by what another process commits', async (context) => {
    const bench = await Bench.open(context, {}, 5)
    const watched = bench.watch('GetItem', { id: 'a' })
    await watched.next()
    const next = resultOf(watched.next())
    // What another process does: nobody is told.
    const silent = bench.viewStore.committed
    silent.notify = () => undefined
    Object.defineProperty(bench.viewStore.changes, 'isHeard', { value: false })
    await bench.commit({ id: 'a', size: 3 })
    assert.deepEqual(await next, { result: { id: 'a', size: 3 }, position: 1 })
  })

  test('works with a store that does not tell what changes', async (context) => {
    const memory = new MemoryViewStore()
    const bench = await Bench.open(context, {
      openView: (view) => memory.openView(view),
      commit: (view, commit) => memory.commit(view, commit),
      getMany: (view, ids) => memory.getMany(view, ids),
      getCheckpoint: (view) => memory.getCheckpoint(view),
      listViews: (name) => memory.listViews(name),
      committed: memory.committed,
    })
    const watched = bench.watch('GetItem', { id: 'a' })
    await watched.next()
    const next = resultOf(watched.next())
    await bench.commit({ id: 'a', size: 3 })
    assert.deepEqual(await next, { result: { id: 'a', size: 3 }, position: 1 })
  })

  test('reads the build that is promoted', async (context) => {
    const viewStore = new MemoryViewStore()
    const second = { ...items, build: 2 }
    const live = new LiveQueries({
      viewStore,
      intervalMs: 0,
      pollMs: 60_000,
      queryHandler: new QueryHandler({
        viewStore,
        projections: [items as unknown as ProjectionDefinition],
        queries: [
          defineQuery('GetItem', {
            parameters: shape<{ id: string }>({ id: 'string' }),
            result: shape<Item>({ id: 'string', size: 'number' }),
            handle: ({ id }, read) => read(items).get(id),
          }) as unknown as QueryDefinition,
        ],
        liveView: async () => {
          const found = (await viewStore.listViews('ItemView')).find(({ state }) => state === 'live')
          return found?.build === 2 ? second : items
        },
      }),
    })
    context.after(() => live.close())
    const commit = async (view: typeof items & { readonly build?: number }, size: number): Promise<void> => {
      const after = { id: 'a', size }
      await viewStore.openView(view)
      return viewStore.commit(view, {
        expectedCheckpoint: 0,
        position: 1,
        changes: [{ id: 'a', before: undefined, after }],
      })
    }
    await commit(items, 1)
    await viewStore.promoteView(items, undefined, 0)
    const watched = live.watch({ queryType: 'GetItem', parameters: { id: 'a' } })[Symbol.asyncIterator]()
    assert.deepEqual(await resultOf(watched.next()), { result: { id: 'a', size: 1 }, position: 1 })
    const next = resultOf(watched.next())
    await commit(second, 2)
    assert.equal(await isSilent(next), true)
    await viewStore.promoteView(second, 'ItemView@1', 0)
    assert.deepEqual(await next, { result: { id: 'a', size: 2 }, position: 1 })
  })

  test('that is aborted ends, and leaves nothing behind', async (context) => {
    const bench = await Bench.open(context)
    const abort = new AbortController()
    const waiting = bench.watch('GetItem', { id: 'a' }, abort.signal)
    const idle = bench.watch('GetItem', { id: 'a' }, abort.signal)
    const left = bench.watch('GetItem', { id: 'a' })
    await Promise.all([waiting.next(), idle.next(), left.next()])
    const next = resultOf(waiting.next())
    const nextOfLeft = resultOf(left.next())
    assert.equal(bench.live.size, 3)
    assert.equal(bench.viewStore.changes?.isHeard, true)
    abort.abort()
    await left.return?.()
    assert.deepEqual([await next, await resultOf(idle.next()), await nextOfLeft], ['done', 'done', 'done'])
    assert.equal(bench.live.size, 0)
    assert.equal(bench.viewStore.changes?.isHeard, false)
    await bench.commit({ id: 'a', size: 1 })
    assert.equal(bench.evaluations, 3)
    const aborted = bench.watch('GetItem', { id: 'a' }, abort.signal)
    assert.equal(await resultOf(aborted.next()), 'done')
    assert.equal(bench.live.size, 0)
  })

  test('throws what answering throws, and ends', async (context) => {
    const bench = await Bench.open(context)
    await errorOf(resultOf(bench.watch('GetItem', {}).next()), 'validation')
    await errorOf(resultOf(bench.watch('GetNothing').next()), 'unknown-query')
    await errorOf(
      () => bench.live.watch({ queryType: 'GetItem', parameters: {}, asOf: { position: 1 } }),
      'invalid-option',
    )
    const late = { queryType: 'GetItem', parameters: { id: 'a' }, afterPosition: 9, waitMs: 0 }
    await errorOf(resultOf(bench.live.watch(late)[Symbol.asyncIterator]().next()), 'consistency-timeout')
    const watched = bench.watch('GetItem', { id: 'a' })
    await watched.next()
    const next = resultOf(watched.next())
    await bench.viewStore.close()
    await errorOf(next, 'store-closed')
    assert.equal(bench.live.size, 0)
  })
})

test('a hundred watchers of a stream of commands each see the last state', async () => {
  await using application = new Application({
    eventStore: new MemoryEventStore(),
    viewStore: new MemoryViewStore(),
    aggregates: [accountDefinition],
    projections: [items as unknown as ProjectionDefinition],
    queries: [
      defineQuery('GetItem', {
        parameters: shape<{ id: string }>({ id: 'string' }),
        result: shape<Item>({ id: 'string', size: 'number' }),
        handle: ({ id }, read) => read(items).get(id),
      }) as unknown as QueryDefinition,
    ],
  })
  await application.start()
  const accounts = 10
  const deposits = 30
  const until = async (id: string): Promise<number> => {
    let last = 0
    let seen = 0
    for await (const { result, position } of application.watch({ queryType: 'GetItem', parameters: { id } })) {
      assert.ok(position >= last, 'results go back in time')
      last = position
      seen = (result as Item | undefined)?.size ?? 0
      if (seen === deposits) break
    }
    return seen
  }
  const watchers = Array.from({ length: 100 }, (_, index) => until(`a-${index % accounts}`))
  for (let round = 0; round < deposits; round++) {
    for (let one = 0; one < accounts; one++) await appendDeposits(application.eventStore, `a-${one}`, 1)
  }
  assert.deepEqual(new Set(await Promise.all(watchers)), new Set([deposits]))
  assert.equal(application.watchedQueries, 0)
  const open = application.watch({ queryType: 'GetItem', parameters: { id: 'a-1' } })[Symbol.asyncIterator]()
  await open.next()
  const next = resultOf(open.next())
  await application.stop()
  assert.equal(await next, 'done')
})
