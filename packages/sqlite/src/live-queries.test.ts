import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  defineProjection,
  defineQuery,
  LiveQueries,
  type ProjectionDefinition,
  type QueryDefinition,
  QueryHandler,
  type Schema,
} from '@cim/core'
import { SqliteViewStore } from './sqlite-view-store.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

type Count = { readonly count: number }

/** Any data. */
const anything: Schema<Count> = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as Count }) },
}

const counts = defineProjection('CountView', {
  from: [{ aggregateType: 'Counter', events: { Counted: anything }, upcasters: {} }],
  schema: anything,
  on: { Counted: ({ aggregateId, data }, views) => views.set(aggregateId, data) },
})

const getCount = defineQuery('GetCount', {
  parameters: anything,
  result: anything,
  handle: (_, read) => read(counts).get('a'),
})

for (const { title, isElsewhere } of [
  { title: 'a watched query sees what the same store commits, without being asked to look', isElsewhere: false },
  { title: 'a watched query sees by and by what is committed elsewhere', isElsewhere: true },
]) {
  test(title, async (context) => {
    const path = join(temporaryFolder(context), 'views.db')
    await using viewStore = new SqliteViewStore({ path })
    await using other = new SqliteViewStore({ path })
    const writer = isElsewhere ? other : viewStore
    await viewStore.openView(counts)
    await writer.openView(counts)
    const projections = [counts as unknown as ProjectionDefinition]
    const queryHandler = new QueryHandler({ viewStore, projections, queries: [getCount as unknown as QueryDefinition] })
    const live = new LiveQueries({ viewStore, queryHandler, intervalMs: 0, pollMs: isElsewhere ? 5 : 60_000 })
    context.after(() => live.close())
    const watched = live.watch({ queryType: 'GetCount', parameters: {} })[Symbol.asyncIterator]()
    assert.deepEqual((await watched.next()).value, { result: undefined, position: 0 })
    let before: Count | undefined
    for (let count = 1; count <= 20; count++) {
      const next = watched.next()
      const after = { count }
      const changes = [{ id: 'a', before, after }]
      await writer.commit(counts, { expectedCheckpoint: count - 1, position: count, changes })
      before = after
      assert.deepEqual((await next).value, { result: after, position: count })
    }
  })
}
