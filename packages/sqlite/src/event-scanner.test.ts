import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { longStretch } from './event-scanner.ts'
import { SqliteEventStore } from './sqlite-event-store.ts'
import { noted, openTemporaryStore, person } from './test-support/sample-events.ts'

test('who is far behind gets every event once, in order, while others append, and no connection is left behind', async (context) => {
  const { path, store } = openTemporaryStore(context)
  const persons = ['ada', 'grace', 'alan']
  const appendThousand = (index: number, version: number) =>
    store.appendEvents(person(persons[index % 3] ?? ''), noted(1000), { expectedVersion: version })
  await store.appendEvents({ aggregateType: 'Team', aggregateId: 'first' }, noted(1), { expectedVersion: 0 })
  for (let index = 0; index * 1000 < longStretch + 3000; index++)
    await appendThousand(index, Math.floor(index / 3) * 1000)
  for (const [pattern, first] of [
    ['events.>', 1],
    ['events.Person.Noted', 2],
  ] as const) {
    const head = await store.headPosition()
    let [expected, appended]: [number, boolean] = [first, false]
    for await (const { events, position } of store.subscribe(pattern, { batchSize: 700 })) {
      for (const event of events) assert.equal(event.position, expected++)
      if (position > 2000 && !appended) {
        appended = true
        await store.appendEvents(person(`new ${pattern}`), noted(5), { expectedVersion: 0 })
      }
      if (position >= head + 5) break
    }
    assert.equal(expected, head + 6)
  }
  await store.close()
  assert.equal(existsSync(`${path}-wal`), false)
  await using again = new SqliteEventStore({ path })
  assert.equal((await again.loadEvents(person('ada'), { fromVersion: 1, limit: 10 })).length, 10)
})
