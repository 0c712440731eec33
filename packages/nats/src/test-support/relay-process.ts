/** A process that appends to a SQLite event store and relays it to JetStream, and tells of each batch that is published. */

import { join } from 'node:path'
import { argv, exit, stdout } from 'node:process'
import { Application, definePublication } from '@cim/core'
import { SqliteEventStore, SqliteViewStore } from '@cim/sqlite'
import { connect } from '@nats-io/transport-node'
import { NatsEventPublisher } from '../publisher/nats-event-publisher.ts'

/** What such a process is started with, as JSON. */
export interface RelayOptions {
  readonly url: string
  readonly folder: string
  readonly subjectPrefix: string
  /** How many events to append to each of ten aggregates; 0: publishes what is left, and ends. */
  readonly appends: number
}

const { url, folder, subjectPrefix, appends } = JSON.parse(argv[2] ?? '{}') as RelayOptions
const connection = await connect({ servers: url })
const publisher = await NatsEventPublisher.open({ connection, subjectPrefix })
const eventStore = new SqliteEventStore({ path: join(folder, 'events.db') })
const viewStore = new SqliteViewStore({ path: join(folder, 'views.db') })
const publication = definePublication('Relay', {
  from: [{ aggregateType: 'Person', events: {}, upcasters: {} }],
  to: {
    async publish(events, options) {
      await publisher.publish(events, options)
      stdout.write('published\n')
    },
  },
})
const processors = { batchSize: 20, eventsPerCheckpoint: 20, leaseMs: 100 }
const application = new Application({ eventStore, viewStore, aggregates: [], publications: [publication], processors })
await application.start()
const append = async (aggregateId: string): Promise<void> => {
  for (let round = 0; round < appends; round++) {
    await eventStore.appendEvents(
      { aggregateType: 'Person', aggregateId },
      [{ eventType: 'Noted', eventData: round }],
      {
        expectedVersion: 'any',
      },
    )
  }
}
await Promise.all(Array.from({ length: 10 }, (_, index) => append(`p-${index}`)))
await application.processing.drain('Relay')
await application.stop()
await viewStore.close()
await eventStore.close()
await connection.close()
exit(0)
