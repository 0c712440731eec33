import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { Application, defineProjection, type InlineCatchUpError, type ProjectionDefinition } from '@cim/core'
import { SqliteEventStore } from './sqlite-event-store.ts'
import { SqliteViewStore } from './sqlite-view-store.ts'
import {
  account,
  anything,
  type Balance,
  balances,
  deposit,
  documents,
  inline,
  pathOf,
} from './test-support/inline-balances.ts'

/** Another version of the sample view, in which each deposit counts a hundred times. */
const second = defineProjection('Balances', {
  from: [account],
  schema: anything<Balance>(),
  version: 2,
  on: {
    Deposited: ({ aggregateId, data }, views) =>
      views.update(aggregateId, (before) => ({ balance: (before?.balance ?? 0) + 100 * data.amount, positions: [] })),
  },
}) as unknown as ProjectionDefinition<Balance>
const both = [...inline, second as ProjectionDefinition]

/** Changes a closed file as nobody should. */
function tamper(path: string, sql: string): void {
  const raw = new DatabaseSync(path)
  raw.exec(sql)
  raw.close()
}

function thrownBy(work: () => unknown): Error {
  try {
    work()
  } catch (error) {
    return error as Error
  }
  return assert.fail('Nothing was thrown.')
}

describe('an event store with in-line views', () => {
  test('that meets an old event which its handler cannot take names both, and the way out', async (context) => {
    const path = pathOf(context)
    const before = new SqliteEventStore({ path })
    await deposit(before, 'ada', 1, 13)
    await deposit(before, 'bob', 2)
    await before.close()
    const error = thrownBy(() => new SqliteEventStore({ path, inlineProjections: inline })) as InlineCatchUpError
    const { code, view, position, eventType, aggregateType, aggregateId } = error
    assert.deepEqual(
      { code, view, position, eventType, aggregateType, aggregateId },
      {
        code: 'inline-catch-up',
        view: 'Balances@1',
        position: 2,
        eventType: 'Deposited',
        aggregateType: 'Person',
        aggregateId: 'ada',
      },
    )
    assert.match(
      error.message,
      /Balances@1: its handler of Deposited cannot take the event at position 2, version 2 of/,
    )
    assert.match(error.message, /\(Thirteen\.\).*opens without this in-line projection/)
    const without = new SqliteEventStore({ path, inlineProjections: [second as ProjectionDefinition] })
    await deposit(without, 'bob', 3)
    assert.equal((await without.readEvents()).events.length, 4)
    await without.close()
    const project: typeof balances.project = (event, views) =>
      (event.data as { readonly amount: number }).amount === 13 ? undefined : balances.project(event, views)
    await using mended = new SqliteEventStore({ path, inlineProjections: [{ ...balances, project } as never] })
    assert.deepEqual(await documents(mended), [
      ['ada', 1],
      ['bob', 5],
    ])
  })

  test('that meets a damaged or missing old event says so, and opens without them', async (context) => {
    for (const damage of ['UPDATE events SET data = 8 WHERE position = 2', 'DELETE FROM events WHERE position = 2']) {
      const path = pathOf(context)
      const before = new SqliteEventStore({ path })
      await deposit(before, 'ada', 1, 2, 3)
      await before.close()
      tamper(path, damage)
      const { message } = thrownBy(() => new SqliteEventStore({ path, inlineProjections: inline }))
      assert.match(message, /event at position 2 (cannot be read|\(Person).*opened without in-line projections/)
      await using without = new SqliteEventStore({ path })
      assert.equal(await without.headPosition(), 3)
    }
  })

  test('is not opened when a view has seen more than there is', async (context) => {
    const path = pathOf(context)
    const before = new SqliteEventStore({ path, inlineProjections: inline })
    await deposit(before, 'ada', 1, 2)
    await before.close()
    tamper(path, 'UPDATE views SET checkpoint = 7')
    const error = thrownBy(() => new SqliteEventStore({ path, inlineProjections: inline }))
    assert.match(error.message, /Balances@1 has seen position 7, the log ends at 2.*restore a backup/)
    await using without = new SqliteEventStore({ path })
    assert.equal(await without.headPosition(), 2)
  })

  test('keeps two versions of one view at once, also when one of them was left out for a while', async (context) => {
    const path = pathOf(context)
    for (const [index, inlineProjections] of [inline, both, [second as ProjectionDefinition], both].entries()) {
      await using store = new SqliteEventStore({ path, inlineProjections })
      await deposit(store, 'ada', 1)
      // What the first version refuses is in neither.
      if (index !== 2) await assert.rejects(deposit(store, 'ada', 1, 13), { code: 'inline-projection' })
      for (const projection of inlineProjections) {
        const rows = await store.inlineViews?.viewStore.getMany(projection, ['ada'])
        const view = rows?.get('ada') as Balance | undefined
        assert.equal(view?.balance, projection.version === 1 ? index + 1 : 100 * (index + 1))
      }
      assert.equal((await store.verify()).problemCount, 0)
    }
  })

  test('refuses one that is given twice, and an application refuses two versions of one', async (context) => {
    const path = pathOf(context)
    assert.match(
      thrownBy(() => new SqliteEventStore({ path, inlineProjections: [...inline, ...inline] })).message,
      /In-line projection Balances@1 is given twice/,
    )
    await using eventStore = new SqliteEventStore({ path, inlineProjections: both })
    await using viewStore = new SqliteViewStore({ path: `${path}-views` })
    const { inlineViews } = eventStore
    assert.ok(inlineViews !== undefined)
    const error = thrownBy(
      () => new Application({ eventStore, viewStore, aggregates: [account as never], inlineViews }),
    )
    assert.match(error.message, /Projection Balances is given twice/)
  })

  test('takes snapshots in the same transactions, and goes on from both after a restart', async (context) => {
    const path = pathOf(context)
    for (const turn of [1, 2]) {
      await using eventStore = new SqliteEventStore({ path, inlineProjections: inline })
      await using viewStore = new SqliteViewStore({ path: `${path}-views` })
      const { snapshotStore, inlineViews } = eventStore
      assert.ok(inlineViews !== undefined)
      await using application = new Application({
        eventStore,
        viewStore,
        snapshotStore,
        inlineViews,
        aggregates: [account as never],
        repository: { snapshotEvery: 2, maxCachedAggregates: 1 },
      })
      const amounts = [1, 2, 13, 4, 5, 13, 6]
      const commands = ['ada', 'bob'].flatMap((id) =>
        amounts.map((amount) =>
          application.dispatch(account.command('Deposit', { amount }, { aggregateId: account.id(id) })),
        ),
      )
      const outcomes = await Promise.allSettled(commands)
      assert.equal(outcomes.filter(({ status }) => status === 'rejected').length, 4)
      assert.deepEqual(await documents(eventStore), [
        ['ada', 18 * turn],
        ['bob', 18 * turn],
      ])
      assert.equal((await application.stateAt('Person', 'ada')).version, 5 * turn)
      assert.equal((await eventStore.verify()).problemCount, 0)
    }
  })

  test('is backed up with its views as they were at one moment, while others append', async (context) => {
    const path = pathOf(context)
    await using store = new SqliteEventStore({ path, inlineProjections: both })
    await deposit(store, 'ada', 1)
    let isOver = false
    const load = (async () => {
      while (!isOver) await Promise.all([deposit(store, 'ada', 1), deposit(store, 'bob', 2, 3)])
    })()
    for (let round = 0; round < 3; round++) {
      const copy = `${path}-copy-${round}`
      await store.backup(copy)
      for (const inlineProjections of [[], both]) {
        await using opened = new SqliteEventStore({ path: copy, inlineProjections })
        assert.deepEqual((await opened.verify()).problems, [])
        if (opened.inlineViews === undefined) continue
        const { events } = await opened.readEvents({ limit: 10_000 })
        const sumOf = (id: string) =>
          events
            .filter(({ aggregateId }) => aggregateId === id)
            .reduce((sum, { eventData }) => sum + (eventData as { readonly amount: number }).amount, 0)
        const ids = [...new Set(events.map(({ aggregateId }) => aggregateId))].sort()
        assert.deepEqual(
          await documents(opened),
          ids.map((id) => [id, sumOf(id)]),
        )
        const views = await opened.inlineViews.viewStore.getMany(second, ids)
        assert.deepEqual(
          ids.map((id) => (views.get(id) as Balance).balance),
          ids.map((id) => 100 * sumOf(id)),
        )
      }
    }
    isOver = true
    await load
  })

  test('lets a handler be an expression that gives something', async (context) => {
    let handled = 0
    const counting = defineProjection('Counting', {
      from: [account],
      schema: anything<unknown>(),
      on: { Deposited: () => ++handled as never },
    })
    await using store = new SqliteEventStore({ path: pathOf(context), inlineProjections: [counting as never] })
    await deposit(store, 'ada', 1, 2)
    assert.equal(handled, 2)
  })
})
