/** Starts a service on stores that are there, says when it listens, and measures queries when it is asked to. */

import { performance } from 'node:perf_hooks'
import { Application } from '@cim/core'
import { HttpServer } from '@cim/http'
import { SqliteEventStore, SqliteViewStore } from '@cim/sqlite'
import { person } from '../domain/person.ts'
import { findPersonsByEmail, getPerson, personView } from '../domain/person-view.ts'
import { personId } from '../domain/persons.ts'
import { answer, answerAll, childInput } from '../harness/child.ts'
import { seededRandom } from '../harness/random.ts'

/** What the process is started with. */
export interface StartInput {
  readonly storePath: string
  /** With a view of every event in the store. */
  readonly viewPath: string
}

/** What it is asked: so many queries of so many persons. */
export interface QueryRequest {
  readonly queries: number
  readonly aggregates: number
}

/** What it found. */
export interface QueryOutcome {
  readonly perSecond: number
}

const { storePath, viewPath } = childInput<StartInput>()
await using eventStore = new SqliteEventStore({ path: storePath })
await using viewStore = new SqliteViewStore({ path: viewPath })
await using application = new Application({
  eventStore,
  viewStore,
  snapshotStore: eventStore.snapshotStore,
  aggregates: [person],
  projections: [personView],
  queries: [getPerson, findPersonsByEmail],
})
await application.start()
await using server = new HttpServer({ application, port: 0, title: 'Persons' })
await server.start()
answer({})
await answerAll<QueryRequest>(async (request) => ({ ...(await measureQueries(request)) }))

async function measureQueries({ queries, aggregates }: QueryRequest): Promise<QueryOutcome> {
  const random = seededRandom(4)
  const start = performance.now()
  for (let count = 0; count < queries; count++) {
    const found = await application.query(getPerson, { personId: personId(Math.floor(random() * aggregates)) })
    if (found === undefined) throw new Error('A person is not in the view.')
  }
  return { perSecond: (queries / (performance.now() - start)) * 1000 }
}
