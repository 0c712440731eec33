/** The application that the tests of this package serve, and clients for it. */

import { after } from 'node:test'
import { Application, type ApplicationOptions, MemoryViewStore } from '@cim/core'
import { HttpServer, type HttpServerOptions } from '../index.ts'
import type { Answer } from './answer.ts'
import { ObservedEventStore } from './observed-event-store.ts'
import { people, person, queries } from './people.ts'

const started: Application[] = []

// A processor that runs keeps the process alive.
after(async () => {
  await Promise.all(started.map((application) => application.stop()))
})

/** A running application, stopped after the last test of the file. Starts with nothing stored. */
export async function startApplication(options?: Partial<ApplicationOptions>): Promise<{
  readonly application: Application
  readonly eventStore: ObservedEventStore
}> {
  const eventStore = new ObservedEventStore()
  const viewStore = new MemoryViewStore()
  const definitions = { aggregates: [person], projections: [people], queries }
  const application = new Application({ eventStore, viewStore, ...definitions, ...options })
  started.push(application)
  await application.start()
  return { application, eventStore }
}

/** Options of {@link serve}. */
export type ServeOptions = Partial<HttpServerOptions> &
  Pick<Partial<ApplicationOptions>, 'authorize' | 'commandQueue' | 'processors' | 'sagas'>

/** The application behind a real socket on a free port. */
export class Service implements AsyncDisposable {
  readonly server: HttpServer
  readonly application: Application
  readonly eventStore: ObservedEventStore
  readonly faults: unknown[]

  constructor(server: HttpServer, application: Application, eventStore: ObservedEventStore, faults: unknown[]) {
    this.server = server
    this.application = application
    this.eventStore = eventStore
    this.faults = faults
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop()
    await this.application.stop()
    await this.eventStore.close()
  }

  /** Sends any request and reads the whole answer. */
  async send(path: string, init?: RequestInit): Promise<Answer> {
    const response = await fetch(this.server.url + path, init)
    const text = await response.text()
    const isJson = text !== '' && /\bjson\b/.test(response.headers.get('content-type') ?? '')
    return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined }
  }

  /** Sends a command. @param body an object, or text as it is */
  command(commandType: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer> {
    return this.send(`/commands/${commandType}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
  }

  /** Creates a person and returns its id. */
  async createPerson(aggregateId: string, legalName = 'Ada Lovelace'): Promise<string> {
    await this.command('CreatePerson', { aggregateId, data: { legalName } })
    return aggregateId
  }
}

/** Serves the application on a free port. */
export async function serve(options?: ServeOptions): Promise<Service> {
  const { authorize, commandQueue, processors, sagas, ...serverOptions } = options ?? {}
  const { application, eventStore } = await startApplication({
    ...(authorize === undefined ? undefined : { authorize }),
    ...(commandQueue === undefined ? undefined : { commandQueue }),
    ...(processors === undefined ? undefined : { processors }),
    ...(sagas === undefined ? undefined : { sagas }),
  })
  const faults: unknown[] = []
  const server = new HttpServer({
    application,
    port: 0,
    onError: (error) => faults.push(error),
    ...serverOptions,
  })
  await server.start()
  return new Service(server, application, eventStore, faults)
}
