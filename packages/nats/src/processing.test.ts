/** Processing and sagas with events and progress on one server, against the suites that every set of stores runs. */

import { after } from 'node:test'
import { eventProcessingConformance, sagaConformance } from '@cim/testing'
import { startNatsServer } from './test-support/nats-server.ts'
import { openServers } from './test-support/processing-place.ts'

const server = await startNatsServer()
after(() => server[Symbol.asyncDispose]())

eventProcessingConformance('jetstream, one server', openServers(server.url))
sagaConformance('jetstream, one server', openServers(server.url))
