import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { StoreUnavailableError } from '../errors/store-errors.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { settle, withHooks } from '../sample-account.test.ts'
import { deposit, openQueue, queue, waitMs } from './sample-queue.test.ts'

describe('whoever follows the queue', () => {
  test('goes on after the store failed, and tells of it', async () => {
    const { eventStore, newApplication } = openQueue()
    const told: unknown[] = []
    const unavailable = new StoreUnavailableError('Down.')
    let failures = 2
    const failing = withHooks<EventStore>(eventStore, {
      subscribe(patterns, options) {
        if (String(patterns).endsWith('*') && failures-- > 0) throw unavailable
        return eventStore.subscribe(patterns, options)
      },
    })
    await using application = newApplication({ commandQueue: { onError: (error) => told.push(error) } }, failing)
    await application.start()
    await queue(application, deposit('c-1', 5))
    assert.equal((await application.acknowledgmentOf('c-1', { waitMs })).status, 'Accepted')
    assert.deepEqual(told, [unavailable, unavailable])
  })

  test('tries again to learn what waits when the store failed at first', async () => {
    const { eventStore, newApplication } = openQueue()
    let isDown = true
    const failing = withHooks<EventStore>(eventStore, {
      readEvents: async (options) => {
        if (isDown) throw new StoreUnavailableError('Down.')
        return eventStore.readEvents(options)
      },
    })
    await using application = newApplication({}, failing)
    await assert.rejects(queue(application, deposit('c-1', 5)), { code: 'store-unavailable' })
    await assert.rejects(application.start(), { code: 'store-unavailable' })
    isDown = false
    await application.start()
    await queue(application, deposit('c-1', 5))
    assert.equal((await application.acknowledgmentOf('c-1', { waitMs })).status, 'Accepted')
  })

  test('counts right however the log and its own appends come', async () => {
    const { newApplication } = openQueue()
    await using application = newApplication()
    await application.start()
    const sent = Array.from({ length: 200 }, (_, index) =>
      queue(application, deposit(`c-${index}`, 1, `a-${index % 7}`)),
    )
    await Promise.all(sent)
    await Promise.all(sent.map((_, index) => application.acknowledgmentOf(`c-${index}`, { waitMs })))
    await settle()
    const { depth, oldestPendingMs } = application.commandQueue.status
    assert.deepEqual([depth, oldestPendingMs], [0, 0])
  })
})
