/** The application that the tests of this package serve, and clients for it. */

import { after } from 'node:test'
import {
  type AggregateRef,
  type AppendOptions,
  type AppendResult,
  Application,
  type ApplicationOptions,
  type DomainEventEnvelope,
  defineAggregate,
  defineProjection,
  defineQuery,
  type EventBatch,
  event,
  type LoadEventsOptions,
  MemoryEventStore,
  MemoryViewStore,
  type NewEvent,
  reject,
  type SubscribeOptions,
} from '@cim/core'
import { z } from 'zod'
import { HttpServer, type HttpServerOptions } from '../index.ts'

interface PersonState {
  readonly exists: boolean
  readonly legalName?: string
  readonly email?: string
}

const initialState: PersonState = { exists: false }

export const person = defineAggregate('Person', {
  events: {
    PersonCreated: z.object({ legalName: z.string() }),
    EmailChanged: z.object({ newEmail: z.string() }),
    NoteTaken: z.object({ note: z.unknown() }),
  },
  commands: {
    CreatePerson: z.strictObject({ legalName: z.string().min(1) }),
    ChangeEmail: z.strictObject({ newEmail: z.email() }),
    TakeNote: z.strictObject({ note: z.unknown() }),
    Fail: z.strictObject({}),
  },
  initialState,
  decide: {
    CreatePerson: (state, { data }) =>
      state.exists ? reject('person-exists', 'This person exists already.') : [event('PersonCreated', data)],
    ChangeEmail: (state, { data }) => {
      if (!state.exists) return reject('person-not-found', 'There is no such person.')
      return state.email === data.newEmail ? [] : [event('EmailChanged', data)]
    },
    TakeNote: (_, { data }) => [event('NoteTaken', data)],
    Fail: () => {
      throw new Error('a secret at /home/someone/file.ts')
    },
  },
  apply: {
    PersonCreated: (_, { data }) => ({ exists: true, legalName: data.legalName }),
    EmailChanged: (state, { data }) => ({ ...state, email: data.newEmail }),
    NoteTaken: (state) => state,
  },
})

const personView = z.object({ id: z.string(), legalName: z.string(), email: z.string().optional() })

export const people = defineProjection('PersonView', {
  from: [person],
  schema: personView,
  indexes: { email: (view) => view.email, legalName: (view) => view.legalName },
  on: {
    PersonCreated: ({ aggregateId, data }, views) =>
      views.set(aggregateId, { id: aggregateId, legalName: data.legalName }),
    EmailChanged: ({ aggregateId, data }, views) =>
      views.update(aggregateId, (view) => (view === undefined ? undefined : { ...view, email: data.newEmail })),
  },
})

const queries = [
  defineQuery('GetPersonById', {
    parameters: z.strictObject({ id: z.string() }),
    result: personView,
    handle: ({ id }, read) => read(people).get(id),
  }),
  defineQuery('FindPersonsByEmail', {
    parameters: z.strictObject({ email: z.email(), limit: z.coerce.number().int().min(1).max(100).optional() }),
    result: z.array(personView),
    handle: ({ email, limit }, read) => read(people).find('email', { equals: email, ...(limit && { limit }) }),
  }),
  defineQuery('EchoParameters', {
    parameters: z.custom<Readonly<Record<string, unknown>>>((value) => typeof value === 'object'),
    // Anything: what comes back is what came in.
    result: z.unknown(),
    handle: async (parameters) => ({ isOwn: Object.keys(parameters), parameters }),
  }),
]

/** A store in which a test can come in between. */
export class ObservedEventStore extends MemoryEventStore {
  /** Runs before each append. */
  beforeAppend: ((aggregate: AggregateRef) => void | Promise<void>) | undefined
  /** How many batches all subscriptions have read. */
  batchesRead = 0
  /** What a store does that cuts its answers short, as for large events. */
  mostEventsPerLoad: number | undefined

  override async appendEvents(
    aggregate: AggregateRef,
    events: readonly NewEvent[],
    options: AppendOptions,
  ): Promise<AppendResult> {
    await this.beforeAppend?.(aggregate)
    return this.appendDirectly(aggregate, events, options)
  }

  /** What another writer does. */
  appendDirectly(
    aggregate: AggregateRef,
    events: readonly NewEvent[],
    options: AppendOptions = { expectedVersion: 'any' },
  ): Promise<AppendResult> {
    return super.appendEvents(aggregate, events, options)
  }

  override loadEvents(aggregate: AggregateRef, options?: LoadEventsOptions): Promise<readonly DomainEventEnvelope[]> {
    const limit = options?.limit
    if (limit === undefined || this.mostEventsPerLoad === undefined) return super.loadEvents(aggregate, options)
    return super.loadEvents(aggregate, { ...options, limit: Math.min(limit, this.mostEventsPerLoad) })
  }

  override async *subscribe(
    patterns: string | readonly string[],
    options?: SubscribeOptions,
  ): AsyncGenerator<EventBatch> {
    for await (const batch of super.subscribe(patterns, options)) {
      this.batchesRead++
      yield batch
    }
  }
}

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
export type ServeOptions = Partial<HttpServerOptions> & Pick<Partial<ApplicationOptions>, 'authorize' | 'processors'>

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

/** A response that has been read. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: AnswerJson
}

/** Every member that tests look into. Which of them are there depends on the answer: a test that reads one expects it. */
export interface AnswerJson {
  readonly status: unknown
  readonly aggregateType: string
  readonly aggregateId: string
  readonly version: number
  readonly position: number
  readonly timestamp: string
  readonly commandId: string
  readonly reason: unknown
  readonly state: { readonly legalName?: string }
  readonly events: readonly AnswerEvent[]
  readonly isEnd: boolean
  readonly next: string
  readonly type: string
  readonly title: string
  readonly detail: string
  readonly code: string
  readonly errors: readonly { readonly pointer: string; readonly message: string }[]
  readonly errorId: string
  readonly header: string
  readonly limit: number
  readonly expectedVersion: number
  readonly actualVersion: number
  readonly wantedPosition: number
  readonly commands: readonly string[]
  readonly queries: readonly string[]
  readonly aggregateTypes: readonly string[]
  readonly reasons: readonly string[]
  readonly isOwn: readonly string[]
  readonly parameters: { readonly tag: unknown; readonly 'sp ace': unknown }
  readonly info: unknown
  readonly security: unknown
}

/** An event in a page; one of an aggregate's history has differences. */
export interface AnswerEvent {
  readonly eventType: string
  readonly aggregateId: string
  readonly sequence: number
  readonly position: number
  readonly data: unknown
  readonly differences: unknown
}

/** Serves the application on a free port. */
export async function serve(options?: ServeOptions): Promise<Service> {
  const { authorize, processors, ...serverOptions } = options ?? {}
  const { application, eventStore } = await startApplication({
    ...(authorize === undefined ? undefined : { authorize }),
    ...(processors === undefined ? undefined : { processors }),
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

/** One server-sent event, or a comment. */
export interface Message {
  readonly id?: string
  readonly event?: string
  readonly data?: string
  readonly comment?: string
}

/** Reads server-sent events as they come. */
export async function* messagesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Message> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true })
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      yield toMessage(text.slice(0, end))
      text = text.slice(end + 2)
    }
  }
}

function toMessage(block: string): Message {
  const fields = block.split('\n').map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon) || 'comment', line.slice(colon + 1).trimStart()] as const
  })
  return Object.fromEntries(fields)
}
