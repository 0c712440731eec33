/** The event store over three streams on one server against the suites that every adapter runs. */

import { after } from 'node:test'
import { eventStoreConformance, snapshotStoreConformance } from '@cim/testing'
import { startNatsServer } from '../test-support/nats-server.ts'
import { openTestShardSnapshots, openTestShards } from '../test-support/test-shards.ts'

const server = await startNatsServer()
after(() => server[Symbol.asyncDispose]())

eventStoreConformance('jetstream, three shards by id', ({ now }) => openTestShards({ servers: server.url, now }))
snapshotStoreConformance('jetstream, three shards', ({ now }) => openTestShardSnapshots({ servers: server.url, now }))
