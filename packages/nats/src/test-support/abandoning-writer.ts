/** A process that is killed once its events are stored, before it claims a position for them. */

import { argv } from 'node:process'
import { connect } from '@nats-io/transport-node'
import { ShardedJetStreamEventStore } from '../sharding/sharded-jetstream-event-store.ts'
import type { ShardedJetStreamEventStoreOptions } from '../sharding/sharded-options.ts'
import { noted, person } from './sample-events.ts'

const [options, aggregateId = '', count] = argv.slice(2)
const { servers, ...own } = JSON.parse(options ?? '{}') as ShardedJetStreamEventStoreOptions
const connection = await connect({ servers: servers as string })
const store = await ShardedJetStreamEventStore.open({ ...own, connection })
const publish = connection.publish.bind(connection)
connection.publish = (subject, ...more) => {
  if (subject.endsWith('order.claims')) process.kill(process.pid, 'SIGKILL')
  publish(subject, ...more)
}
await store.appendEvents(person(aggregateId), noted(Number(count)), { expectedVersion: 'any' })
