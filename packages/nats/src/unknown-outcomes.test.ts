/** Appends whose answer is lost on the way. */

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { AppendResult, CommandRecord } from '@cim/core'
import { JetStreamEventStore } from './jetstream-event-store.ts'
import { startCuttingProxy } from './test-support/cutting-proxy.ts'
import { startNatsServer } from './test-support/nats-server.ts'
import { allEvents, assertStoredOnce, noted, person } from './test-support/sample-events.ts'
import { ownStream } from './test-support/test-stores.ts'

const server = await startNatsServer()
after(() => server[Symbol.asyncDispose]())

async function openThroughProxy(options: object = {}) {
  const proxy = await startCuttingProxy(server.port)
  const own = ownStream({
    servers: proxy.url,
    connect: { reconnectTimeWait: 1, reconnectJitter: 0, timeout: 200 },
    ...options,
  })
  const store = await JetStreamEventStore.open(own)
  const close = async () => {
    await store.close()
    await proxy[Symbol.asyncDispose]()
  }
  return { proxy, store, own, [Symbol.asyncDispose]: close }
}

describe('an append whose answer is lost', () => {
  for (const [title, size] of [
    ['of one event', 1],
    ['of several events', 3],
  ] as const) {
    test(`${title} is stored once and succeeds`, { timeout: 60_000 }, async () => {
      await using opened = await openThroughProxy()
      const { proxy, store } = opened
      const results: AppendResult[] = []
      for (let round = 0; round < 10; round++) {
        const cuts = proxy.cuts
        proxy.cutBeforeAnswer('.events.Person.Noted.ada.')
        const events = noted(size, round * 10)
        const result = await store.appendEvents(person('ada'), events, { expectedVersion: round * size })
        assert.equal(proxy.cuts, cuts + 1, 'the answer was lost')
        assert.deepEqual([result.version, result.isRepeat], [(round + 1) * size, false])
        results.push(result)
      }
      await assertStoredOnce(store, results)
      assert.equal((await allEvents(store)).length, 10 * size)
    })
  }

  test('at any version is stored once', { timeout: 60_000 }, async () => {
    await using opened = await openThroughProxy()
    const { proxy, store } = opened
    const results: AppendResult[] = []
    for (let round = 0; round < 10; round++) {
      proxy.cutBeforeAnswer('.events.Person.Noted.ada.')
      results.push(await store.appendEvents(person('ada'), noted(1, round), { expectedVersion: 'any' }))
    }
    await assertStoredOnce(store, results)
    assert.equal((await allEvents(store)).length, 10)
  })

  test('is a conflict when another writer was first', { timeout: 60_000 }, async () => {
    await using opened = await openThroughProxy()
    const { proxy, store, own } = opened
    await using other = await JetStreamEventStore.open({ ...own, servers: server.url })
    await store.appendEvents(person('ada'), noted(1), { expectedVersion: 0 })
    await other.appendEvents(person('ada'), noted(1, 50), { expectedVersion: 1 })
    proxy.cutBeforeAnswer('.events.Person.Noted.ada.')
    await assert.rejects(store.appendEvents(person('ada'), noted(1, 60), { expectedVersion: 1 }), {
      code: 'concurrency',
      actualVersion: 2,
    })
    assert.equal((await allEvents(store)).length, 2)
  })

  test('is the outcome of a command that is kept once', { timeout: 60_000 }, async () => {
    await using opened = await openThroughProxy()
    const { proxy, store } = opened
    const record: CommandRecord = {
      commandId: 'c',
      fingerprint: 1,
      status: 'Rejected',
      version: 0,
      position: 0,
      timestamp: 't',
    }
    proxy.cutBeforeAnswer('.outcomes.Person.')
    assert.deepEqual(await store.recordCommand(person('ada'), record), record)
    assert.deepEqual(await store.findCommand(person('ada'), 'c'), record)
  })
})

test('appends go on when the connection is cut at any byte, again and again', { timeout: 120_000 }, async () => {
  await using opened = await openThroughProxy()
  const { proxy, store } = opened
  const seed = Number(process.env.CIM_SEED ?? Date.now() % 1_000_000)
  let random = seed
  const below = (limit: number): number => {
    random = (random * 1103515245 + 12345) % 2 ** 31
    return Math.floor((random / 2 ** 31) * limit)
  }
  const results: AppendResult[] = []
  const writers = Array.from({ length: 8 }, async (_, writer) => {
    for (let round = 0; round < 10; round++) {
      const size = 1 + ((writer + round) % 3)
      const expectedVersion = results
        .filter(({ events }) => events[0]?.aggregateId === `p-${writer}`)
        .reduce((version, result) => Math.max(version, result.version), 0)
      results.push(await store.appendEvents(person(`p-${writer}`), noted(size, round * 10), { expectedVersion }))
    }
  })
  const stop = new AbortController()
  const cutting = (async () => {
    while (!stop.signal.aborted) {
      const cuts = proxy.cuts
      proxy.cutAfterSent(below(8000))
      while (proxy.cuts === cuts && !stop.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 1))
    }
  })()
  await Promise.all(writers)
  stop.abort()
  await cutting
  assert.ok(proxy.cuts > 3, `seed ${seed}: ${proxy.cuts} cuts`)
  assert.equal(results.length, 80, `seed ${seed}`)
  await assertStoredOnce(store, results)
  assert.equal((await allEvents(store)).length, results.flatMap(({ events }) => events).length, `seed ${seed}`)
})

test('an append that nobody answers ends with an error that says what is safe', { timeout: 60_000 }, async () => {
  await using opened = await openThroughProxy({ requestTimeoutMs: 200, giveUpAfterMs: 1000 })
  const { proxy, store } = opened
  await store.appendEvents(person('ada'), noted(1), { expectedVersion: 0 })
  proxy.hold()
  const event = { eventId: 'e-2', eventType: 'Noted', eventData: 2 }
  await assert.rejects(store.appendEvents(person('ada'), [event], { expectedVersion: 1 }), {
    code: 'store-unavailable',
    message: /is not known\. Repeat it with the same command or the same event ids/,
  })
  await assert.rejects(store.loadEvents(person('bob')), { code: 'store-unavailable' })
  proxy.release()
  const again = await store.appendEvents(person('ada'), [event], { expectedVersion: 1 })
  assert.equal(again.version, 2)
  assert.equal((await allEvents(store)).length, 2)
})
