/** A process that appends until it is told to stop, and tells of each append that was acknowledged. */

import { argv, stdout } from 'node:process'
import { type AppendResult, hasErrorCode } from '@cim/core'
import { JetStreamEventStore } from '../jetstream-event-store.ts'
import { noted, person } from './sample-events.ts'

/** What such a process is started with, as JSON. */
export interface WriterOptions {
  readonly servers: readonly string[]
  readonly streamName: string
  readonly subjectPrefix: string
  /** In front of the ids of its events. */
  readonly name: string
  readonly aggregates: number
}

const options = JSON.parse(argv[2] ?? '{}') as WriterOptions
const { servers, streamName, subjectPrefix, name, aggregates } = options
const store = await JetStreamEventStore.open({ servers, streamName, subjectPrefix })
let isStopping = false
process.on('disconnect', () => {
  isStopping = true
})

/** Every process appends to the same aggregates, each at the version that it has loaded. */
async function write(aggregate: number): Promise<void> {
  const target = person(`p-${aggregate}`)
  for (let round = 0; !isStopping; round++) {
    const events = noted(1 + (round % 3)).map((event, index) => ({
      ...event,
      eventId: `${name}-${aggregate}-${round}-${index}`,
    }))
    const expectedVersion = (await store.loadEvents(target)).length
    try {
      tell(await store.appendEvents(target, events, { expectedVersion }))
    } catch (error) {
      if (!hasErrorCode(error, 'concurrency')) throw error
    }
  }
}

function tell(result: AppendResult): void {
  stdout.write(`${JSON.stringify(result)}\n`)
}

await Promise.all(Array.from({ length: aggregates }, (_, aggregate) => write(aggregate)))
await store.close()
