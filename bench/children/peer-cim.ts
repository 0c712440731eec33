/** CIM, doing what the peers do. */

import { DatabaseSync } from 'node:sqlite'
import { Application, Repository } from '@cim/core'
import { SqliteEventStore, SqliteViewStore } from '@cim/sqlite'
import { person } from '../domain/person.ts'
import { personView } from '../domain/person-view.ts'
import { runPeer } from '../harness/peer.ts'

await runPeer(async (path) => {
  const eventStore = new SqliteEventStore({ path })
  const repository = new Repository({ definition: person, eventStore, maxCachedAggregates: 0 })
  return {
    eventsTable: 'events',
    append: (persons, index) => persons.appendTo(eventStore, index),
    load: async (personId) => (await repository.load(personId)).version,
    catchUp: async () => {
      await using viewStore = new SqliteViewStore({ path: `${path}-view` })
      const projections = [personView]
      await using application = new Application({ eventStore, viewStore, aggregates: [person], projections })
      await application.start()
      const head = await eventStore.headPosition()
      for (;;) {
        const seen = viewStore.committed.count
        if ((await viewStore.getCheckpoint(personView)) >= head) return await viewStore.count(personView)
        await viewStore.committed.wait(seen, { timeoutMs: 1000 })
      }
    },
    ask: async (sql) => {
      // The store's connection is its own. It sets synchronous=FULL, which is 2.
      if (sql === 'PRAGMA synchronous') return 2
      using database = new DatabaseSync(path, { readOnly: true })
      return Object.values(database.prepare(sql).get() ?? {})[0]
    },
    [Symbol.asyncDispose]: () => eventStore.close(),
  }
})
