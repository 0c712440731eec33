import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { startNatsCluster, startNatsServer } from './nats-server.ts'

test('a server keeps what it has acknowledged when it is killed and started again', { timeout: 30_000 }, async () => {
  await using server = await startNatsServer()
  const connection = await connect({ servers: server.url })
  const streams = (await jetstreamManager(connection)).streams
  await streams.add({ name: 'S', subjects: ['s.>'] })
  await connection.close()
  await server.kill()
  await server.start()
  const again = await connect({ servers: server.url })
  const info = await (await jetstreamManager(again)).streams.info('S')
  assert.equal(info.config.name, 'S')
  await again.close()
})

test('three servers replicate a stream', { timeout: 60_000 }, async () => {
  await using cluster = await startNatsCluster()
  const connection = await connect({ servers: [...cluster.urls] })
  const manager = await jetstreamManager(connection)
  const info = await manager.streams.add({ name: 'S', subjects: ['s.>'], num_replicas: 3 })
  assert.equal(info.cluster?.replicas?.length, 2)
  await connection.close()
})
