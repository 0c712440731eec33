/** @rotorsoft/act with act-sqlite, set up as its documentation says for a file. */

import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { z } from 'zod'
import { person } from '../domain/person.ts'
import { personEventContent } from '../domain/person-events.ts'
import { changeDocument, type PersonDocument, type PersonEvent } from '../domain/person-view.ts'
import { runPeer } from '../harness/peer.ts'
import { requirePeer } from '../harness/peers.ts'

type Data = Readonly<Record<string, string>>

interface Committed {
  readonly id: number
  readonly name: string
  readonly stream: string
  readonly data: Data
  readonly created: Date
}

interface Store {
  readonly client: { execute(sql: string): Promise<{ readonly rows: readonly object[] }> }
  seed(): Promise<void>
  dispose(): Promise<void>
  commit(stream: string, messages: readonly object[], meta: object, expectedVersion: number): Promise<unknown>
}

interface App {
  load(state: unknown, stream: string): Promise<{ readonly event?: { readonly version: number } }>
  on(event: 'settled', listener: (drained: unknown) => void): unknown
  settle(options: object): void
}

type Step = 'init' | 'emits' | 'patch' | 'on' | 'emit' | 'do' | 'batch' | 'withState' | 'withProjection' | 'build'

/** Every step of a builder gives a builder; what is built is only handed back. */
type Builder = Readonly<Record<Step, (part?: unknown) => Builder>>

interface Act {
  store(store: Store): Store
  state(definition: object): Builder
  projection(target: string): Builder
  act(): Builder
}

process.env.LOG_LEVEL = 'error'
const { act, projection, state, store: useStore } = requirePeer<Act>('@rotorsoft/act')
const { SqliteStore } = requirePeer<{ SqliteStore: new (options: { readonly url: string }) => Store }>(
  '@rotorsoft/act-sqlite',
)

const personState = state({
  Person: z.object({ familyName: z.string(), email: z.string(), city: z.string(), notes: z.number() }),
})
  .init(() => ({ familyName: '', email: '', city: '', notes: 0 }))
  .emits(person.events)
  .patch({
    PersonRegistered: ({ data }: Committed) => ({ familyName: data.familyName, email: data.email }),
    EmailChanged: ({ data }: Committed) => ({ email: data.newEmail }),
    AddressChanged: ({ data }: Committed) => ({ city: data.city }),
    NameUpdated: ({ data }: Committed) => ({ familyName: data.familyName }),
    NoteAdded: (_: Committed, { notes }: { readonly notes: number }) => ({ notes: notes + 1 }),
  })
  .on({ AddNote: person.commands.AddNote })
  .emit((data: Data) => ['NoteAdded', data])
  .build()

function buildApp(view: PersonTable): App {
  const each = async (event: Committed): Promise<void> => view.apply([event])
  const handled = Object.entries(person.events).reduce<Builder>(
    (builder, [name, schema]) => builder.on({ [name]: schema }).do(each),
    projection('persons'),
  )
  const persons = handled.batch(async (events: readonly Committed[]) => view.apply(events)).build()
  return act().withState(personState).withProjection(persons).build() as unknown as App
}

/** A view with three indexes in a file of its own: act leaves it to its users how a projection writes. */
class PersonTable implements Disposable {
  readonly #database: DatabaseSync
  readonly #select: StatementSync
  readonly #upsert: StatementSync
  processed = 0

  constructor(path: string) {
    this.#database = new DatabaseSync(path)
    this.#database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
      CREATE TABLE persons (id TEXT PRIMARY KEY, family_name TEXT, email TEXT, city TEXT, document TEXT NOT NULL);
      CREATE INDEX persons_family_name ON persons (family_name);
      CREATE INDEX persons_email ON persons (email);
      CREATE INDEX persons_city ON persons (city)`)
    this.#select = this.#database.prepare('SELECT document FROM persons WHERE id = ?')
    this.#upsert = this.#database.prepare(`INSERT INTO persons VALUES (?, ?, ?, ?, ?)
      ON CONFLICT (id) DO UPDATE SET family_name = excluded.family_name, email = excluded.email, city = excluded.city,
        document = excluded.document`)
  }

  /** One transaction for a batch; each document is read and written once. */
  apply(events: readonly Committed[]): void {
    const documents = new Map<string, PersonDocument | undefined>()
    for (const { stream, name, data, created } of events) {
      const before = documents.has(stream) ? documents.get(stream) : this.#read(stream)
      const event = { aggregateId: stream, eventType: name, data, timestamp: created.toISOString() } as unknown
      documents.set(stream, changeDocument(before, event as PersonEvent))
    }
    this.#database.exec('BEGIN IMMEDIATE')
    for (const [id, document] of documents) {
      if (document === undefined) continue
      const { familyName, email, city } = document
      this.#upsert.run(id, familyName, email, city, JSON.stringify(document))
    }
    this.#database.exec('COMMIT')
    this.processed += events.length
  }

  count(): number {
    const { count } = this.#database.prepare('SELECT count(*) AS count FROM persons').get() as {
      readonly count: number
    }
    return count
  }

  #read(id: string): PersonDocument | undefined {
    const row = this.#select.get(id) as { readonly document: string } | undefined
    return row === undefined ? undefined : (JSON.parse(row.document) as PersonDocument)
  }

  [Symbol.dispose](): void {
    this.#database.close()
  }
}

await runPeer(async (path) => {
  const store = useStore(new SqliteStore({ url: `file:${path}` }))
  await store.seed()
  // Its views live outside its store: here in a file of their own, with the same pragmas as ours.
  const view = new PersonTable(`${path}-view`)
  const app = buildApp(view)
  return {
    eventsTable: 'events',
    append: (persons, index) => {
      const version = persons.versions[index] ?? 0
      persons.versions[index] = version + 1
      const { eventType: name, eventData: data } = personEventContent(version + 1, persons.nextContent())
      const meta = { correlation: crypto.randomUUID(), causation: {} }
      // Its versions begin at 0.
      return store.commit(persons.ids[index] ?? '', [{ name, data }], meta, version - 1)
    },
    load: async (id) => ((await app.load(personState, id)).event?.version ?? -1) + 1,
    catchUp: async (events) => {
      while (view.processed < events) {
        const settled = new Promise((resolve) => app.on('settled', resolve))
        app.settle({ eventLimit: 1000 })
        await settled
      }
      return view.count()
    },
    ask: async (sql) => Object.values((await store.client.execute(sql)).rows[0] ?? {})[0],
    [Symbol.asyncDispose]: async () => {
      view[Symbol.dispose]()
      await store.dispose()
    },
  }
})
