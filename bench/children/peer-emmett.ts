/** @event-driven-io/emmett-sqlite, on one connection, as its documentation advises for a file. */

import { person } from '../domain/person.ts'
import { personEventContent } from '../domain/person-events.ts'
import { childInput } from '../harness/child.ts'
import { runPeer } from '../harness/peer.ts'
import { requirePeer } from '../harness/peers.ts'

interface Connection {
  close(): void
  command(sql: string): Promise<unknown>
  querySingle<TRow>(sql: string): Promise<TRow | null>
}

interface Message {
  readonly type: string
  readonly data: Readonly<Record<string, string>>
  readonly metadata: { readonly streamName: string; readonly globalPosition: bigint }
}

interface Store {
  readonly schema: { migrate(): Promise<void> }
  appendToStream(stream: string, events: readonly object[], options: object): Promise<unknown>
  aggregateStream(stream: string, options: object): Promise<{ readonly currentStreamVersion: bigint }>
  consumer(options: object): {
    processor(options: object): unknown
    start(): Promise<void>
    close(): Promise<void>
  }
}

interface Emmett {
  sqliteConnection(options: { readonly fileName: string }): Connection
  getSQLiteEventStore(options: object): Store
  sqliteRawSQLProjection(options: object): object
}

const { sqliteConnection, getSQLiteEventStore, sqliteRawSQLProjection } = requirePeer<Emmett>(
  '@event-driven-io/emmett-sqlite',
)
const { connections } = childInput<{ readonly connections: 'one' | 'many' }>()
const streamOf = (id: string): string => `person-${id}`

const viewTable = [
  `CREATE TABLE persons (
    id TEXT PRIMARY KEY, given_name TEXT, family_name TEXT, date_of_birth TEXT, email TEXT, city TEXT, address TEXT, notes INTEGER
  )`,
  ...['family_name', 'email', 'city'].map((column) => `CREATE INDEX persons_${column} ON persons (${column})`),
]

/** A projection gives statements, so a document need not be read to be changed. */
function toSql({ type, data, metadata }: Message): string {
  const id = quote(metadata.streamName)
  const of = (name: string): string => quote(data[name] ?? '')
  const update = (change: string): string => `UPDATE persons SET ${change} WHERE id = ${id}`
  switch (type) {
    case 'PersonRegistered':
      return `INSERT INTO persons VALUES (${id}, ${of('givenName')}, ${of('familyName')}, ${of('dateOfBirth')}, ${of('email')}, NULL, '', 0)`
    case 'EmailChanged':
      return update(`email = ${of('newEmail')}`)
    case 'AddressChanged':
      return update(
        `city = ${of('city')}, address = ${quote(`${data.street}, ${data.postalCode} ${data.city}, ${data.country}`)}`,
      )
    case 'NameUpdated':
      return update(`family_name = ${of('familyName')}`)
    default:
      return update('notes = notes + 1')
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

await runPeer(async (fileName) => {
  const connection = connections === 'one' ? sqliteConnection({ fileName }) : undefined
  const connectionOptions = { singleton: true, connection }
  const store = getSQLiteEventStore(connection === undefined ? { fileName } : { fileName, connectionOptions })
  await store.schema.migrate()
  const withConnection = async <TResult>(work: (connection: Connection) => Promise<TResult>): Promise<TResult> => {
    if (connection !== undefined) return work(connection)
    const another = sqliteConnection({ fileName })
    return work(another).finally(() => another.close())
  }
  return {
    eventsTable: 'emt_messages',
    append: (persons, index) => {
      const version = persons.versions[index] ?? 0
      persons.versions[index] = version + 1
      const { eventType: type, eventData: data } = personEventContent(version + 1, persons.nextContent())
      const options = { expectedStreamVersion: BigInt(version) }
      return store.appendToStream(streamOf(persons.ids[index] ?? ''), [{ type, data }], options)
    },
    load: async (id) => {
      const { currentStreamVersion } = await store.aggregateStream(streamOf(id), {
        initialState: () => person.initialState,
        evolve: (state: typeof person.initialState, { type, data }: Message) =>
          person.apply(state, { eventType: type, data } as never),
      })
      return Number(currentStreamVersion)
    },
    catchUp: (events) =>
      withConnection(async (views) => {
        const consumer = store.consumer({ pulling: { batchSize: 1000, pullingFrequencyInMs: 0 } })
        for (const sql of viewTable) await views.command(sql)
        consumer.processor({
          processorId: 'persons',
          projection: sqliteRawSQLProjection({ canHandle: Object.keys(person.events), evolve: toSql }),
          startFrom: 'BEGINNING',
          stopAfter: ({ metadata }: Message) => metadata.globalPosition >= BigInt(events),
        })
        await consumer.start()
        const row = await views.querySingle<{ readonly count: number }>('SELECT count(*) AS count FROM persons')
        return row?.count ?? 0
      }),
    ask: (sql) => withConnection(async (one) => Object.values((await one.querySingle<object>(sql)) ?? {})[0]),
    [Symbol.asyncDispose]: async () => connection?.close(),
  }
})
