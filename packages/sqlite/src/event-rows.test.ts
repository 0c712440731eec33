import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SqliteEventStore } from './sqlite-event-store.ts'
import { person } from './test-support/sample-events.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

test('large and small events that lie mixed come back whole and in order, however they are read', async (context) => {
  await using store = new SqliteEventStore({ path: `${temporaryFolder(context)}/events.db` })
  const ada = person('ada')
  const texts = Array.from({ length: 1200 }, (_, index) => `${index} `.padEnd(index % 50 === 0 ? 40_000 : 20, 'é'))
  for (let start = 0; start < texts.length; start += 400) {
    const events = texts.slice(start, start + 400).map((text) => ({ eventType: 'Noted', eventData: text }))
    await store.appendEvents(ada, events, { expectedVersion: start })
  }
  await store.appendEvents(ada, [{ eventType: 'Closed', eventData: texts[0] }], { expectedVersion: 1200 })
  const noted = (events: readonly { readonly eventData: unknown }[]) => events.map(({ eventData }) => eventData)
  assert.deepEqual(noted(await store.loadEvents(ada)).slice(0, -1), texts)
  const { events, isEnd } = await store.readEvents({ aggregateType: 'Person', limit: 1200 })
  assert.equal(isEnd, false)
  assert.deepEqual(noted(events), texts)
  const ofType = await store.readEvents({ subjectPatterns: 'events.*.Noted', limit: 2000 })
  assert.deepEqual(noted(ofType.events), texts)
  const followed: unknown[] = []
  for await (const batch of store.subscribe('events.>', { batchSize: 1000 })) {
    followed.push(...noted(batch.events))
    if (batch.position === 1201) break
  }
  assert.deepEqual(followed, [...texts, texts[0]])
})
