import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EntityId } from '@cim/core'
import { jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/nats-core'
import { NatsConsumer } from '../consume/nats-consumer.ts'
import { JetStreamEventStore } from '../jetstream-event-store.ts'
import { NatsClient } from '../service/nats-client.ts'
import { NatsService } from '../service/nats-service.ts'
import { startPeople } from '../service/sample-people.test.ts'
import { ShardedJetStreamEventStore } from '../sharding/sharded-jetstream-event-store.ts'
import { type NatsServer, startNatsServer } from '../test-support/nats-server.ts'
import { until } from '../test-support/sample-stream.ts'
import { natsClientOptions } from './client-options.ts'
import { connectToNats } from './connect-to-nats.ts'
import { type NatsPermissions, type NatsRole, natsPermissions } from './permissions.ts'

const roles: readonly NatsRole[] = ['writer', 'reader', 'consumer', 'service', 'client']
const consumerName = 'mailer'

function permissionsOf(role: NatsRole) {
  const isStoreUser = role === 'writer' || role === 'reader'
  const named = isStoreUser ? { otherConsumers: [consumerName] } : { consumerName }
  return natsPermissions(role, { ...named, inboxPrefix: `_INBOX_${role}` })
}

function user(role: NatsRole): string {
  return userWith(role, permissionsOf(role))
}

function userWith(role: string, permissions: NatsPermissions): string {
  const { publish, denyPublish, subscribe, allowResponses } = permissions
  const [allow, deny, hear] = [publish, denyPublish, subscribe].map((list) => JSON.stringify(list))
  return `{ user: ${role}, password: secret, permissions: { publish: { allow: ${allow}, deny: ${deny} }, subscribe: { allow: ${hear} }, allow_responses: ${allowResponses} } }`
}

let server: NatsServer
let admin: NatsConnection

before(async () => {
  const users = [`{ user: admin, password: secret }`, ...roles.map(user)]
  server = await startNatsServer({ configuration: `authorization { users: [${users.join(', ')}] }` })
  admin = await connectToNats({ servers: server.url, user: 'admin', password: 'secret' })
  await (await openStore('admin')).close()
  const { streams } = await jetstreamManager(admin)
  await streams.add({ name: 'SECRETS', subjects: ['secrets.>'], allow_direct: true })
  // Whoever may make streams makes those of the consumer once.
  await (await NatsConsumer.open({ ...consumerOptions('admin'), handler: () => undefined })).stop()
})
after(async () => {
  await admin.close()
  await server[Symbol.asyncDispose]()
})

function connectionOf(role: NatsRole | 'admin') {
  const inbox = role === 'admin' ? {} : { inboxPrefix: `_INBOX_${role}` }
  return { servers: server.url, user: role, password: 'secret', ...inbox }
}

function openStore(role: NatsRole | 'admin'): Promise<JetStreamEventStore> {
  const options = { servers: server.url, connect: natsClientOptions(connectionOf(role)) }
  return JetStreamEventStore.open({ ...options, requestTimeoutMs: 300, giveUpAfterMs: 900 })
}

function consumerOptions(role: NatsRole | 'admin') {
  return { connect: connectionOf(role), name: consumerName, patterns: 'events.>', takeOverAfterMs: 300 }
}

let count = 0
const newAggregate = () => ({ aggregateType: 'Account', aggregateId: `a${++count}` })
const deposited = [{ eventType: 'Deposited', eventData: { amount: 1 } }]

/** Sends a request as a role, and says whether it was let through. */
async function isAllowed(role: NatsRole, subject: string, payload = ''): Promise<boolean> {
  const connection = await connectToNats(connectionOf(role))
  try {
    await connection.request(subject, payload, { timeout: 1000 })
    return true
  } catch (error) {
    assert.match(String(error), /Permissions Violation/i, subject)
    return false
  } finally {
    await connection.close()
  }
}

describe('a user with the permissions of a', { timeout: 60_000 }, () => {
  test('writer appends, loads, reads, follows, and keeps snapshots', async () => {
    await using store = await openStore('writer')
    const aggregate = newAggregate()
    await store.appendEvents(aggregate, deposited, { expectedVersion: 0 })
    const live = store.subscribe('events.>', { afterPosition: await store.headPosition() })[Symbol.asyncIterator]()
    const next = live.next()
    await sleep(200)
    await store.appendEvents(aggregate, [...deposited, ...deposited], { expectedVersion: 1 })
    assert.equal((await next).value?.events.length, 2)
    await live.return?.()
    assert.equal((await store.loadEvents(aggregate)).length, 3)
    const snapshot = {
      version: 3,
      position: 1,
      timestamp: '2026-01-01T00:00:00.000Z',
      state: { balance: 3 },
      fingerprint: 'f',
    }
    await store.snapshotStore.saveSnapshot(aggregate, snapshot)
    assert.deepEqual((await store.snapshotStore.loadSnapshot(aggregate, 'f'))?.state, { balance: 3 })
  })

  test('reader loads, reads and follows, and learns at once what others append', async () => {
    await using writer = await openStore('writer')
    await using reader = await openStore('reader')
    const aggregate = newAggregate()
    const live = reader.subscribe('events.>', { afterPosition: await reader.headPosition() })[Symbol.asyncIterator]()
    const next = live.next()
    await sleep(200)
    await writer.appendEvents(aggregate, deposited, { expectedVersion: 0 })
    assert.equal((await next).value?.events[0]?.aggregateId, aggregate.aggregateId)
    await live.return?.()
    assert.equal((await reader.loadEvents(aggregate)).length, 1)
  })

  test('reader cannot append an event, an outcome or a snapshot', async () => {
    await using reader = await openStore('reader')
    const aggregate = newAggregate()
    await assert.rejects(reader.appendEvents(aggregate, deposited, { expectedVersion: 0 }))
    for (const root of ['events', 'outcomes', 'snapshots']) {
      assert.equal(await isAllowed('reader', `${root}.Account.Deposited.x.1`), false, root)
    }
    await using store = await openStore('admin')
    assert.deepEqual(await store.loadEvents(aggregate), [])
  })

  test('consumer handles events, parks what fails, and shows its lag', async () => {
    await using writer = await openStore('writer')
    const [good, bad] = [newAggregate(), newAggregate()]
    await writer.appendEvents(bad, deposited, { expectedVersion: 0 })
    await writer.appendEvents(good, deposited, { expectedVersion: 0 })
    const problems: unknown[] = []
    const seen: string[] = []
    let isMended = false
    await using consumer = await NatsConsumer.open({
      ...consumerOptions('consumer'),
      failures: { maxAttempts: 1 },
      onProblem: (error) => void problems.push(error),
      handler: ({ aggregateId }) => {
        if (aggregateId === bad.aggregateId && !isMended) throw new Error('it fails')
        seen.push(aggregateId)
      },
    })
    await until(
      'one is handled and one parked',
      async () => seen.includes(good.aggregateId) && (await consumer.lag()).total === 1,
    )
    isMended = true
    await consumer.retry({ lane: (await consumer.listParked())[0]?.lane ?? '' })
    await until('all is handled', async () => (await consumer.lag()).total === 0)
    assert.deepEqual(problems.map(String), ['Error: it fails', 'Error: it fails'])
  })

  test('consumer cannot write events, nor make or delete a consumer of the events', async () => {
    assert.equal(await isAllowed('consumer', 'events.Account.Deposited.x.1'), false)
    for (const call of ['CREATE.EVENTS.other', 'DELETE.EVENTS.mailer', 'MSG.NEXT.EVENTS.other']) {
      assert.equal(await isAllowed('consumer', `$JS.API.CONSUMER.${call}`), false, call)
    }
  })

  test('service answers the commands and queries of a client, wherever its inbox is', async () => {
    const [serving, asking] = [
      await connectToNats(connectionOf('service')),
      await connectToNats(connectionOf('client')),
    ]
    const application = await startPeople()
    const service = new NatsService({ connection: serving, application })
    await service.start()
    const client = new NatsClient({ connection: asking })
    const createAda = { commandType: 'CreatePerson', aggregateId: 'ada' as EntityId, data: { legalName: 'Ada' } }
    const { version } = await client.dispatch('Person', createAda)
    assert.equal(version, 1)
    await service.stop()
    await application.stop()
    await serving.close()
    await asking.close()
  })

  test('service cannot send commands, a client cannot serve them, and neither can write events', async () => {
    assert.equal(await isAllowed('service', 'commands.Person.CreatePerson'), false)
    for (const role of ['service', 'client'] as const) assert.equal(await isAllowed(role, 'events.A.B.c.1'), false)
    assert.equal(await isAllowed('client', '$JS.API.STREAM.NAMES'), false)
    const connection = await connectToNats(connectionOf('client'))
    const heard = Promise.withResolvers<unknown>()
    connection.subscribe('commands.>', { queue: 'cim', callback: (error) => heard.resolve(error) })
    assert.match(String(await heard.promise), /Permissions Violation/i)
    await connection.close()
  })

  for (const role of roles) {
    test(`${role} cannot change, purge or delete streams, nor see others`, async () => {
      const refused = [
        '$JS.API.STREAM.DELETE.EVENTS',
        '$JS.API.STREAM.PURGE.EVENTS',
        '$JS.API.STREAM.UPDATE.EVENTS',
        '$JS.API.STREAM.MSG.DELETE.EVENTS',
        '$JS.API.STREAM.SNAPSHOT.EVENTS',
        '$JS.API.STREAM.CREATE.MINE',
        '$JS.API.STREAM.LIST',
        '$JS.API.CONSUMER.DELETE.EVENTS.mailer',
        '$JS.API.CONSUMER.CREATE.EVENTS.mailer',
        '$JS.API.CONSUMER.CREATE.EVENTS.mailer.events.>',
        '$JS.API.STREAM.INFO.SECRETS',
        '$JS.API.STREAM.MSG.GET.SECRETS',
        '$JS.API.DIRECT.GET.SECRETS',
        '$JS.API.CONSUMER.CREATE.SECRETS.mine',
        'secrets.mine',
      ]
      for (const subject of refused) assert.equal(await isAllowed(role, subject, '{}'), false, subject)
    })

    if (role === 'writer' || role === 'reader') {
      test(`${role} cannot take events from a durable consumer`, async () => {
        assert.equal(await isAllowed(role, '$JS.API.CONSUMER.MSG.NEXT.EVENTS.mailer'), false)
        assert.equal(await isAllowed(role, '$JS.ACK.EVENTS.mailer.1.1.1.1.1'), false)
      })
    }

    test(`${role} cannot listen to events in passing, nor to replies of others`, async () => {
      const connection = await connectToNats(connectionOf(role))
      for (const subject of ['>', 'events.>', '_INBOX.>', '_INBOX_admin.>', '$JS.EVENT.>']) {
        const heard = Promise.withResolvers<unknown>()
        connection.subscribe(subject, { callback: (error) => heard.resolve(error) })
        assert.match(String(await heard.promise), /Permissions Violation/i, subject)
      }
      await connection.close()
    })
  }

  test('role has exactly the permissions that the documentation lists', () => {
    const text = readFileSync(join(import.meta.dirname, '../../../../docs/nats.md'), 'utf8')
    for (const role of roles) {
      const { publish, denyPublish, subscribe } = permissionsOf(role)
      const start = text.indexOf('publish:', text.indexOf(`user: ${role},`))
      const block = text.slice(start, text.indexOf(`# end of ${role}`))
      const listed = [...block.matchAll(/"([^"]+)"/g)].map(([, subject]) => subject)
      assert.deepEqual(listed, [...publish, ...denyPublish, ...subscribe], role)
    }
  })
})

test('users with the permissions of a store over several streams write to it, and read from it', {
  timeout: 30_000,
}, async () => {
  const names = { streamName: 'SHOP', subjectPrefix: 'shop' }
  const users = (['writer', 'reader'] as const).map((role) =>
    userWith(role, natsPermissions(role, { ...names, shards: 3, inboxPrefix: `_INBOX_${role}` })),
  )
  const list = [`{ user: admin, password: secret }`, ...users].join(', ')
  await using own = await startNatsServer({ configuration: `authorization { users: [${list}] }` })
  const open = (role: NatsRole | 'admin') => {
    const connect = natsClientOptions({ ...connectionOf(role), servers: own.url })
    const patience = { requestTimeoutMs: 300, giveUpAfterMs: 900 }
    return ShardedJetStreamEventStore.open({
      ...names,
      ...patience,
      shards: 3,
      orderPageSize: 4,
      servers: own.url,
      connect,
    })
  }
  await (await open('admin')).close()
  await using writer = await open('writer')
  await using reader = await open('reader')
  const live = reader.subscribe('events.>')[Symbol.asyncIterator]()
  for (let append = 1; append <= 12; append++) {
    const next = live.next()
    await writer.appendEvents(newAggregate(), deposited, { expectedVersion: 0 })
    assert.equal((await next).value?.position, append)
  }
  await live.return?.()
  await using late = await open('reader')
  assert.equal((await late.readEvents()).events.length, 12)
  await assert.rejects(late.appendEvents(newAggregate(), deposited, { expectedVersion: 0 }), {
    code: 'store-unavailable',
  })
})
