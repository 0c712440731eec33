/**
 * Appends one after the other, whatever is refused, and opens the store anew after some refusals. Writes down what became of
 * each append as a line of JSON: the events that were acknowledged, or the command, the code and the message of the error.
 * Arguments: the database file, a seed, how many appends, and `kill` to end without closing.
 */

import { writeSync } from 'node:fs'
import { isCimError } from '@cim/core'
import { SqliteEventStore } from '../sqlite-event-store.ts'
import { person } from './sample-events.ts'
import { seededRandom } from './seeded-random.ts'

const [path = '', seed = '', appends = '', ending = ''] = process.argv.slice(2)
const random = seededRandom(Number(seed))
let store = await openAtLast()

for (let number = 0; number < Number(appends); number++) {
  const commandId = `c-${seed}-${number}`
  const size = 1 + random(4)
  const metadata = { commandId, correlationId: commandId, causationId: commandId }
  const events = Array.from({ length: size }, (_, place) => ({
    eventType: `Kind${random(3)}`,
    eventData: { place, size, text: 'x'.repeat(random(20_000)) },
    metadata,
  }))
  const options = { expectedVersion: 'any', command: { commandId, fingerprint: size } } as const
  const [written, read] = [person(`p-${random(20)}`), person(`p-${random(20)}`)]
  try {
    const { events: stored } = await store.appendEvents(written, events, options)
    note({ commandId, stored })
  } catch (error) {
    noteError('append', error, commandId)
    if (random(3) === 0) {
      await store.close().catch((cause: unknown) => noteError('close', cause))
      store = await openAtLast()
    }
  }
  await store.loadEvents(read).catch((error: unknown) => noteError('load', error))
}
if (ending === 'kill') end()
await store.close().catch((error: unknown) => noteError('close', error))

async function openAtLast(): Promise<SqliteEventStore> {
  for (let attempt = 1; ; attempt++) {
    try {
      // With a small cache, pages must be read again.
      return new SqliteEventStore({ path, cacheMegabytes: 1 })
    } catch (error) {
      noteError('open', error)
      // A store that cannot be opened must be as good as one that can: what was acknowledged is there.
      if (attempt === 20) end()
    }
  }
}

function end(): void {
  if (ending !== 'kill') process.exit()
  process.kill(process.pid, 'SIGKILL')
}

function noteError(doing: string, error: unknown, commandId?: string): void {
  note({ doing, commandId, code: isCimError(error) ? error.code : 'other', message: String(error) })
}

function note(line: unknown): void {
  writeSync(1, `${JSON.stringify(line)}\n`)
}
