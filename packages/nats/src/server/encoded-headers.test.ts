import assert from 'node:assert/strict'
import { test } from 'node:test'
import { headers } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import { startNatsServer } from '../test-support/nats-server.ts'
import { EncodedHeaders } from './encoded-headers.ts'

const pairs = [
  ['Nats-Expected-Last-Subject-Sequence', '0'],
  ['Nats-Expected-Last-Subject-Sequence-Subject', 'shop.*.Person.*.a%20b.1'],
  ['X-Aggregate-ID', 'a%20b'],
] as const

test('headers arrive as those of the client do', { timeout: 30_000 }, async () => {
  await using server = await startNatsServer()
  const connection = await connect({ servers: server.url })
  const received = connection.subscribe('>', { max: 2 })
  const ours = new EncodedHeaders()
  const theirs = headers()
  for (const [name, value] of pairs) {
    ours.set(name, value)
    theirs.set(name, value)
  }
  connection.publish('s', 'body', { headers: ours.forClient() })
  connection.publish('s', 'body', { headers: theirs })
  const arrived: unknown[] = []
  for await (const message of received) arrived.push([message.string(), [...(message.headers ?? [])]])
  assert.deepEqual(arrived[0], arrived[1])
  assert.deepEqual(arrived[0], ['body', pairs.map(([name, value]) => [name, [value]])])
  await connection.close()
})
