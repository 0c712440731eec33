/** The JetStream adapters on a cluster of three servers against the suites that every adapter runs. */

import { after } from 'node:test'
import { eventStoreConformance, progressStoreConformance, snapshotStoreConformance } from '@cim/testing'
import { startNatsCluster } from './test-support/nats-server.ts'
import { openTestProgress, openTestSnapshots, openTestStore } from './test-support/test-stores.ts'

const cluster = await startNatsCluster()
after(() => cluster[Symbol.asyncDispose]())

eventStoreConformance('jetstream, three servers', ({ now }) => openTestStore({ servers: cluster.urls, now }))
snapshotStoreConformance('jetstream, three servers', ({ now }) => openTestSnapshots({ servers: cluster.urls, now }))
progressStoreConformance('jetstream, three servers', () => openTestProgress({ servers: cluster.urls }))
