/** A leader that is cut off from the other servers, and goes on answering while they have elected another. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JetStreamEventStore } from './jetstream-event-store.ts'
import { FaultyCluster } from './test-support/fault-suite/faulty-cluster.ts'
import { noted, person } from './test-support/sample-events.ts'
import { until } from './test-support/sample-stream.ts'
import { ownStream } from './test-support/test-stores.ts'

test('a leader that is cut off is not believed', { timeout: 120_000 }, async () => {
  await using cluster = await FaultyCluster.start()
  const own = ownStream({ servers: cluster.directUrls, connect: { ignoreClusterUpdates: true } })
  const { streamName = '' } = own
  await (await JetStreamEventStore.open(own)).close()
  const leader = await cluster.streamLeader(streamName)
  const others = cluster.directUrls.filter((url) => url !== leader.url)
  await using inside = await JetStreamEventStore.open({ ...own, servers: leader.url, giveUpAfterMs: 1000 })
  await using outside = await JetStreamEventStore.open({ ...own, servers: others, giveUpAfterMs: 60_000 })
  await outside.appendEvents(person('ada'), noted(1), { expectedVersion: 0 })
  assert.equal((await inside.loadEvents(person('ada'))).length, 1)

  cluster.cutOff(leader)
  const command = { commandId: 'c', fingerprint: 1 }
  const events = [{ eventType: 'Noted', eventData: 2, metadata: { commandId: 'c' } }]
  await outside.appendEvents(person('ada'), events, { expectedVersion: 1, command })

  const asked = await Promise.allSettled([
    inside.loadEvents(person('ada')),
    inside.loadEvents(person('ada'), { fromVersion: 2 }),
    inside.findCommand(person('ada'), 'c'),
    inside.headPosition(),
    inside.readEvents(),
    inside.appendEvents(person('ada'), noted(1), { expectedVersion: 2 }),
  ])
  for (const answer of asked) {
    assert.ok(answer.status === 'rejected', `an old answer: ${JSON.stringify(answer)}`)
    assert.equal(answer.reason.code, 'store-unavailable')
    assert.match(answer.reason.message, /has not heard of most of the others/)
  }

  cluster.rejoin(leader)
  const count = async () => (await inside.loadEvents(person('ada')).catch(() => [])).length
  await until('the other side is seen', async () => (await count()) === 2)
})
