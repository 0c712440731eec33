/** An application whose events are in several streams: it need not know. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Application } from '@cim/core'
import { SqliteViewStore } from '@cim/sqlite'
import { startPeople } from '../service/sample-people.test.ts'
import { startNatsServer } from '../test-support/nats-server.ts'
import { ownShards } from '../test-support/test-shards.ts'
import { ShardedJetStreamEventStore } from './sharded-jetstream-event-store.ts'

const server = await startNatsServer()
const folder = mkdtempSync(join(tmpdir(), 'cim-shards-'))
after(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const createPerson = (number: number) => ({
  commandType: 'CreatePerson',
  commandId: `create-${number}`,
  data: { legalName: `Person ${number}` },
})

test('processes with views of their own over the same shards answer what was acknowledged, also after a restart', {
  timeout: 30_000,
}, async () => {
  const own = ownShards({ servers: server.url })
  const start = async (name: string) => {
    const viewStore = new SqliteViewStore({ path: join(folder, `${name}.db`) })
    const eventStore = await ShardedJetStreamEventStore.open(own)
    const application = await startPeople({ eventStore, viewStore, snapshotStore: eventStore.snapshotStore })
    const stop = async () => {
      await application.stop()
      await viewStore.close()
      await eventStore.close()
    }
    return { application, [Symbol.asyncDispose]: stop }
  }
  const people = new Map<string, string>()
  const everybodyIsIn = async (application: Application, afterPosition: number) => {
    for (const [id, name] of people) {
      const query = { queryType: 'GetPersonById', parameters: { id }, afterPosition }
      assert.deepEqual(await application.answer(query), { name })
    }
  }
  let newest = 0
  {
    await using one = await start('one')
    await using two = await start('two')
    for (let number = 0; number < 40; number++) {
      const { application } = number % 2 === 0 ? one : two
      const { status, aggregateId, position } = await application.dispatch(createPerson(number))
      assert.equal(status, 'Accepted')
      assert.ok(position > newest)
      newest = position
      people.set(aggregateId, `Person ${number}`)
    }
    const again = await one.application.dispatch(createPerson(39))
    assert.deepEqual([again.status, again.position], ['Accepted', newest])
    await everybodyIsIn(one.application, newest)
    await everybodyIsIn(two.application, newest)
  }
  await using restarted = await start('two')
  const { aggregateId, position } = await restarted.application.dispatch(createPerson(40))
  assert.equal(position, newest + 1)
  people.set(aggregateId, 'Person 40')
  await everybodyIsIn(restarted.application, position)
})
