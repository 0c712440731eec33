/** The JetStream adapters on one server against the suites that every adapter runs. */

import { after } from 'node:test'
import { eventStoreConformance, progressStoreConformance, snapshotStoreConformance } from '@cim/testing'
import { startNatsServer } from './test-support/nats-server.ts'
import { openTestProgress, openTestSnapshots, openTestStore } from './test-support/test-stores.ts'

const server = await startNatsServer()
after(() => server[Symbol.asyncDispose]())

eventStoreConformance('jetstream, one server', ({ now }) => openTestStore({ servers: server.url, now }))
snapshotStoreConformance('jetstream, one server', ({ now }) => openTestSnapshots({ servers: server.url, now }))
progressStoreConformance('jetstream, one server', () => openTestProgress({ servers: server.url }))
