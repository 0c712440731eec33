import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { Application, deadline, defineAggregate, defineSaga, event, type Schema, systemClock } from '@cim/core'
import { SqliteEventStore } from './sqlite-event-store.ts'
import { SqliteViewStore } from './sqlite-view-store.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

const count = Number(process.env.CIM_DEADLINES ?? 3000)
const anything: Schema = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } }

const parcel = defineAggregate('Parcel', {
  events: { Sent: anything },
  commands: { Send: anything },
  initialState: {},
  decide: { Send: () => [event('Sent', {})] },
  apply: { Sent: (state) => state },
})

const delivery = defineSaga('Delivery', {
  from: [parcel],
  initialState: {},
  startAt: 'beginning',
  startedBy: { Sent: ({ aggregateId }) => aggregateId },
  on: { Sent: () => ({ deadlines: [deadline('Lost', { afterMs: 3_600_000 })] }) },
  onDeadline: { Lost: () => ({ completed: true }) },
})

test(`${count} deadlines that wait in a file are reached once each, also when the clock is set back in between`, async (context) => {
  const folder = temporaryFolder(context)
  const time = { ahead: 0 }
  const now = (): number => Date.now() + time.ahead
  await using eventStore = new SqliteEventStore({ path: join(folder, 'events.db'), now })
  await using viewStore = new SqliteViewStore({ path: join(folder, 'views.db') })
  for (let start = 0; start < count; start += 1000) {
    const ids = Array.from({ length: Math.min(1000, count - start) }, (_, index) => `p-${start + index}`)
    await Promise.all(
      ids.map((aggregateId) =>
        eventStore.appendEvents({ aggregateType: 'Parcel', aggregateId }, [{ eventType: 'Sent', eventData: {} }], {
          expectedVersion: 0,
        }),
      ),
    )
  }
  const errors: unknown[] = []
  await using application = new Application({
    ...{ eventStore, viewStore, now, aggregates: [parcel], sagas: [delivery] },
    processors: { clock: { ...systemClock, now } },
    onSagaError: (error) => errors.push(error),
  })
  const reaches = async (status: 'Running' | 'Completed', wanted: number): Promise<void> => {
    for (;;) {
      const seen = viewStore.committed.count
      const [overview] = await application.sagas.overview().catch(() => [])
      if ((overview?.totals[status] ?? 0) >= wanted) return
      await viewStore.committed.wait(seen, { timeoutMs: 1000 })
    }
  }
  await application.start()
  await reaches('Running', count)
  const startedAt = performance.now()
  time.ahead = 3_700_000
  await reaches('Completed', Math.ceil(count / 3))
  time.ahead = 0
  await reaches('Completed', Math.ceil(count / 3))
  time.ahead = 3_700_000
  await reaches('Completed', count)
  const seconds = (performance.now() - startedAt) / 1000
  context.diagnostic(`reached in ${seconds.toFixed(1)} s; ${Math.round(process.memoryUsage().rss / 1e6)} MB`)
  let reached = 0
  for await (const { events, position } of eventStore.subscribe('events.Delivery.DeadlineReached')) {
    reached += events.length
    if (position >= (await eventStore.headPosition())) break
  }
  assert.equal(reached, count)
  assert.deepEqual(errors, [])
})
