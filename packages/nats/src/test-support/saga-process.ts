/**
 * A process that books trips until it is killed. Says `running` each time that it has got the saga, `waiting` when another has,
 * and `refused` when what it wanted to keep was refused because it was displaced.
 */

import { join } from 'node:path'
import { argv, stdout } from 'node:process'
import { Application, hasErrorCode, type ProgressStore } from '@cim/core'
import { SqliteViewStore } from '@cim/sqlite'
import { JetStreamEventStore } from '../jetstream-event-store.ts'
import { JetStreamProgressStore } from '../progress/jetstream-progress-store.ts'
import { aggregates, bookTrip } from './sample-trips.ts'

/** What such a process is started with, as JSON. */
export interface SagaProcessOptions {
  readonly servers: string | readonly string[]
  readonly streamName: string
  readonly subjectPrefix: string
  readonly bucket: string
  /** For the file of its views. */
  readonly folder: string
  readonly name: string
  readonly leaseMs: number
}

const options = JSON.parse(argv[2] ?? '{}') as SagaProcessOptions
const { servers, streamName, subjectPrefix, bucket, folder, name, leaseMs } = options
const eventStore = await JetStreamEventStore.open({ servers, streamName, subjectPrefix })
const progress = await JetStreamProgressStore.open({ servers, bucket })
const viewStore = new SqliteViewStore({ path: join(folder, `${name}.sqlite`) })

const tell = (line: string): void => void stdout.write(`${line}\n`)

function tellRefused(error: unknown): never {
  if (hasErrorCode(error, 'stale-owner')) tell('refused')
  throw error
}

const progressStore = new Proxy<ProgressStore>(progress, {
  get: (target, method) => {
    const value: unknown = Reflect.get(target, method, target)
    if (typeof value !== 'function') return value
    const isWatched = method === 'saveProgress' || method === 'renewClaim'
    if (!isWatched) return value.bind(target)
    return (...given: unknown[]) => (value.apply(target, given) as Promise<unknown>).catch(tellRefused)
  },
})
const application = new Application({
  ...{ eventStore, viewStore, progressStore, aggregates },
  sagas: [bookTrip],
  processors: { leaseMs },
})
await application.start()
let told: string | undefined
setInterval(() => {
  const state = application.processors.find(({ processorName }) => processorName === bookTrip.sagaName)?.state
  if (state !== told && (state === 'running' || state === 'waiting')) tell(state)
  told = state
}, 20)
process.on('disconnect', () => process.exit())
