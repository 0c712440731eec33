/** Operations on processors whose events and views are on disk: nothing of what they go by is lost by a restart. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Application, defineProjection, type ProjectionDefinition, type Schema } from '@cim/core'
import { SqliteEventStore } from './sqlite-event-store.ts'
import { SqliteViewStore } from './sqlite-view-store.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

type Sum = { readonly sum: number }

const anything = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } } as const
const processorName = 'SumView@1'
const name = { aggregateType: 'Account', aggregateId: 'a-13' }

async function open(folder: string, poison: number) {
  const eventStore = new SqliteEventStore({ path: join(folder, 'events.db') })
  const viewStore = new SqliteViewStore({ path: join(folder, 'views.db') })
  const sums = defineProjection('SumView', {
    from: [{ aggregateType: 'Account', events: { Deposited: anything as Schema<number> }, upcasters: {} }],
    schema: anything as Schema<Sum>,
    on: {
      Deposited: ({ aggregateId, data }, views) => {
        if (data === poison) throw new RangeError(`${data} brings bad luck`)
        views.update(aggregateId, (view) => ({ sum: (view?.sum ?? 0) + data }))
      },
    },
  })
  const projections = [sums as ProjectionDefinition]
  const processors = { failures: { maxAttempts: 1 } }
  const application = new Application({ eventStore, viewStore, aggregates: [], projections, processors })
  await application.start()
  const { processing } = application
  await processing.drain(processorName)
  return {
    eventStore,
    processing,
    deadLetters: processing.deadLetters,
    sumOf: async (id: string) => (await viewStore.getMany(sums, [id])).get(id),
    async held(events: number) {
      await processing.drain(processorName)
      for (;;) {
        const seen = viewStore.committed.count
        if ((await viewStore.progressStore.countDeadLetters(processorName)).events === events) return
        await viewStore.committed.wait(seen)
      }
    },
    async close() {
      await application.stop()
      await viewStore.close()
      await eventStore.close()
    },
  }
}

async function fill(context: TestContext) {
  const folder = temporaryFolder(context)
  const opened = await open(folder, 13)
  for (let amount = 1; amount <= 20; amount++) {
    const aggregate = { aggregateType: 'Account', aggregateId: `a-${amount}` }
    const events = [amount, 100].map((eventData) => ({ eventType: 'Deposited', eventData }))
    await opened.eventStore.appendEvents(aggregate, events, { expectedVersion: 0 })
  }
  await opened.held(2)
  return { folder, opened }
}

test('an audit proves on disk what a processor has seen, before a restart and after it', async (context) => {
  const { folder, opened } = await fill(context)
  const before = await opened.processing.audit(processorName, { batchSize: 7 })
  await opened.close()
  const again = await open(folder, 13)
  const after = await again.processing.audit(processorName)
  await again.close()
  assert.deepEqual([before.verdict, before.expected.count, before.heldBack.events], ['complete', 40, 2])
  assert.deepEqual(after, before)
})

test('dead letters survive a restart with mended code, and are then retried', async (context) => {
  const { folder, opened } = await fill(context)
  await opened.close()
  const mended = await open(folder, 0)
  const shown = await mended.deadLetters.show(processorName, name)
  assert.deepEqual(
    shown?.events.map(({ eventData }) => eventData),
    [13, 100],
  )
  assert.equal((await mended.deadLetters.retry(processorName, {}, { isDryRun: true })).eventCount, 2)
  assert.equal(await mended.sumOf('a-13'), undefined)
  await mended.deadLetters.retry(processorName)
  await mended.held(0)
  assert.deepEqual(await mended.sumOf('a-13'), { sum: 113 })
  await mended.close()
})

test('what was discarded stays on record, and its aggregate goes on', async (context) => {
  const { folder, opened } = await fill(context)
  const request = { reason: 'Bad luck.', discardedBy: 'ada', isFirstOnly: true }
  await opened.deadLetters.discard(processorName, name, request)
  await opened.held(0)
  await opened.close()
  const again = await open(folder, 13)
  assert.deepEqual(await again.sumOf('a-13'), { sum: 100 })
  const [record] = await again.deadLetters.discarded(processorName)
  assert.deepEqual([record?.reason, record?.discardedBy, record?.eventCount], ['Bad luck.', 'ada', 1])
  assert.equal((await again.processing.audit(processorName)).discardedEvents, 1)
  await again.close()
})

test('a pause holds over a restart', async (context) => {
  const { folder, opened } = await fill(context)
  await opened.processing.pause(processorName)
  await opened.close()
  const again = await open(folder, 0)
  assert.equal((await again.processing.show(processorName)).progress?.isPaused, true)
  await again.deadLetters.retry(processorName)
  await again.processing.resume(processorName)
  await again.held(0)
  assert.deepEqual(await again.sumOf('a-13'), { sum: 113 })
  await again.close()
})
