/**
 * The event store over three streams on one server against the suites that every adapter runs. `CIM_SHARDS=all` runs them on
 * three servers, and with shards by type, too.
 */

import { after } from 'node:test'
import { eventStoreConformance, snapshotStoreConformance } from '@cim/testing'
import { startNatsCluster, startNatsServer } from '../test-support/nats-server.ts'
import { openTestShardSnapshots, openTestShards } from '../test-support/test-shards.ts'

const server = await startNatsServer()
after(() => server[Symbol.asyncDispose]())

eventStoreConformance('jetstream, three shards', ({ now }) => openTestShards({ servers: server.url, now }))
snapshotStoreConformance('jetstream, three shards', ({ now }) => openTestShardSnapshots({ servers: server.url, now }))

if (process.env.CIM_SHARDS === 'all') {
  const cluster = await startNatsCluster()
  after(() => cluster[Symbol.asyncDispose]())
  eventStoreConformance('jetstream, three shards by type', ({ now }) =>
    openTestShards({ servers: server.url, now, shardBy: 'aggregate-type' }),
  )
  eventStoreConformance('jetstream, three shards on three servers', ({ now }) =>
    openTestShards({ servers: cluster.urls, now }),
  )
}
