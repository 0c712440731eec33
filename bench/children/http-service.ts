/** Serves persons over HTTP, or, for comparison, the same answers without anything behind them. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Application } from '@cim/core'
import { HttpServer } from '@cim/http'
import { SqliteEventStore, SqliteViewStore } from '@cim/sqlite'
import { person } from '../domain/person.ts'
import { findPersonsByEmail, getPerson, personView } from '../domain/person-view.ts'
import { Persons } from '../domain/persons.ts'
import { answer, childInput, untilAsked } from '../harness/child.ts'
import { closedLoop } from '../harness/load-generators.ts'

/** What the process is started with. */
export interface ServiceInput {
  readonly kind: 'application' | 'bare'
  readonly storePath: string
  readonly viewPath: string
  readonly aggregates: number
}

/** Where it listens. */
export interface ServiceOutcome {
  readonly url: string
}

const { kind, storePath, viewPath, aggregates } = childInput<ServiceInput>()
await (kind === 'application' ? serveApplication() : serveBare())

async function serveApplication(): Promise<void> {
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
  const persons = new Persons(aggregates)
  let next = 0
  await closedLoop(256, aggregates, () => persons.appendTo(eventStore, next++))
  await application.start()
  await application.query(getPerson, { personId: '' }, { afterPosition: aggregates, waitMs: 30_000 })
  await using server = new HttpServer({ application, port: 0, title: 'Persons' })
  await server.start()
  answer({ url: server.url })
  await untilAsked()
}

async function serveBare(): Promise<void> {
  const body = JSON.stringify({
    status: 'Accepted',
    aggregateId: '0199d3c4-1b2a-7c3d-8e4f-0123456789ab',
    version: 2,
    position: 12_345,
    timestamp: '2026-01-01T00:00:00.000Z',
    commandId: '0199d3c4-1b2a-7c3d-8e4f-0123456789ab',
  })
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.setHeader('content-type', 'application/json').end(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  answer({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  await untilAsked()
  server.closeAllConnections()
  server.close()
}
