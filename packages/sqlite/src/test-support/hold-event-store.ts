/** Opens an event store, says so or why not, and keeps it until it is killed. Arguments: the database file. */

import { isCimError } from '@cim/core'
import { SqliteEventStore } from '../sqlite-event-store.ts'
import { noted, person } from './sample-events.ts'

const [path = ''] = process.argv.slice(2)
try {
  const store = new SqliteEventStore({ path })
  await store.appendEvents(person('held'), noted(1), { expectedVersion: 'any' })
  process.stdout.write('open\n')
  setInterval(() => undefined, 60_000)
} catch (error) {
  process.stdout.write(`${isCimError(error) ? error.code : 'other'} ${String(error)}\n`)
}
