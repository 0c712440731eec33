/**
 * Appends from several writers at once until it is killed, or has done enough, and writes down each acknowledgment as a line of JSON before
 * anything else: the events with the command id that made them.
 * Arguments: the database file, a seed, and how many appends of each writer are enough.
 */

import { writeSync } from 'node:fs'
import { SqliteEventStore } from '../sqlite-event-store.ts'
import { person } from './sample-events.ts'
import { seededRandom } from './seeded-random.ts'

const [path = '', seed = '', enough = 'Infinity'] = process.argv.slice(2)
const random = seededRandom(Number(seed))
const store = new SqliteEventStore(
  { path },
  { indexPace: { shortestRun: 50, longestRun: 50, entriesPerCommit: 1, rowsPerInsert: 2 } },
)

async function write(writer: number): Promise<void> {
  for (let number = 0; number < Number(enough); number++) {
    const commandId = `c-${seed}-${writer}-${number}`
    const metadata = { commandId, correlationId: commandId, causationId: commandId }
    const size = 1 + random(4)
    const events = Array.from({ length: size }, (_, place) => ({
      eventType: `Kind${random(3)}`,
      eventData: { place, size, text: 'x'.repeat(random(2000)) },
      metadata,
    }))
    const aggregate = person(`p-${random(20)}`)
    const { events: stored } = await store.appendEvents(aggregate, events, {
      expectedVersion: 'any',
      command: { commandId, fingerprint: size },
    })
    writeSync(1, `${JSON.stringify(stored)}\n`)
  }
}

await Promise.all(Array.from({ length: 8 }, (_, writer) => write(writer)))
await store.close()
