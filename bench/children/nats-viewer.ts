/** Keeps a view of the persons of a stream in SQLite, and answers queries over NATS. */

import { Application } from '@cim/core'
import { NatsService } from '@cim/nats'
import { SqliteViewStore } from '@cim/sqlite'
import { connect } from '@nats-io/transport-node'
import { person } from '../domain/person.ts'
import { getPerson, personView } from '../domain/person-view.ts'
import { answer, childInput, untilAsked } from '../harness/child.ts'
import { type NatsStream, openNatsStore } from '../stores/nats-stream.ts'

/** What the process is started with. */
export interface NatsViewerInput {
  readonly stream: NatsStream
  readonly viewPath: string
}

const { stream, viewPath } = childInput<NatsViewerInput>()
const connection = await connect({ servers: stream.url })
{
  await using eventStore = await openNatsStore(stream)
  await using viewStore = new SqliteViewStore({ path: viewPath })
  await using application = new Application({
    eventStore,
    viewStore,
    aggregates: [person],
    projections: [personView],
    queries: [getPerson],
  })
  await application.start()
  const service = new NatsService({ connection, application, subjectPrefix: stream.name })
  await service.start()
  answer('ready')
  await untilAsked()
  await service.stop()
}
await connection.close()
