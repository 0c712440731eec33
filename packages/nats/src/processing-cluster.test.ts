/** Processing and sagas with events and progress on three servers, against the suites that every set of stores runs. */

import { after } from 'node:test'
import { eventProcessingConformance, sagaConformance } from '@cim/testing'
import { startNatsCluster } from './test-support/nats-server.ts'
import { openServers } from './test-support/processing-place.ts'

const cluster = await startNatsCluster()
after(() => cluster[Symbol.asyncDispose]())

eventProcessingConformance('jetstream, three servers', openServers(cluster.urls))
sagaConformance('jetstream, three servers', openServers(cluster.urls))
