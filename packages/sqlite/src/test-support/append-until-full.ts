/**
 * Appends pairs of events until the disk refuses, and writes down what was acknowledged and what refused: one JSON line.
 * Arguments: the database file.
 */

import { isCimError } from '@cim/core'
import { SqliteEventStore } from '../sqlite-event-store.ts'
import { allEvents, noted, person } from './sample-events.ts'

const [path = ''] = process.argv.slice(2)
const store = new SqliteEventStore({ path })
let acknowledged = 0
let code = ''
for (let number = 0; code === ''; number++) {
  const appends = Array.from({ length: 20 }, (_, writer) =>
    store.appendEvents(person(`p-${writer}`), noted(2, 'x'.repeat(2000)), { expectedVersion: number * 2 }),
  )
  for (const outcome of await Promise.allSettled(appends)) {
    if (outcome.status === 'fulfilled') acknowledged += 2
    else code = isCimError(outcome.reason) ? outcome.reason.code : String(outcome.reason)
  }
}
const stored = (await allEvents(store)).length
const audit = await store.verify()
await store.close()
process.stdout.write(`${JSON.stringify({ acknowledged, stored, code, problems: audit.problems })}\n`)
