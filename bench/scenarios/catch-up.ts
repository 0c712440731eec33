/** A projection that has a million events to catch up with. */

import { performance } from 'node:perf_hooks'
import { Application, type ProcessorStatus } from '@cim/core'
import { SqliteEventStore, SqliteViewStore } from '@cim/sqlite'
import { person } from '../domain/person.ts'
import { personView } from '../domain/person-view.ts'
import { inRounds, pick, ratios } from '../harness/rounds.ts'
import { ResultTable, type Scenario } from '../harness/scenario.ts'
import { withDatabaseFile } from '../harness/scratch.ts'
import { type BatchOptions, catchUpRaw } from '../raw/raw-catch-up.ts'

const batches: Readonly<Record<string, BatchOptions>> = {
  '250,000 events per checkpoint (default)': { batchSize: 1000, eventsPerCheckpoint: 250_000 },
}

/** Scenario (f). */
export const catchUp: Scenario = {
  name: 'catch-up',
  title: 'Catch-up of a projection',
  needsLargeStore: true,
  about: `A new view over the large store: 1,000,000 events of 10,000 persons, all mixed, become 10,000 documents with three
indexes; every second event changes an indexed value. Events are read 1,000 at a time.

- **CIM**: an \`Application\` with a \`SqliteViewStore\`, from \`start\` until the last event is committed. The event store
  stays open for commands all the while.
- **raw**: a loop over \`node:sqlite\` with the same reads and checkpoints, the same change of a document, and the same
  tables: it parses each event, keeps all documents in memory, and writes each one with its index entries once per
  checkpoint.`,
  async run({ settings, folder, largeStore, say }) {
    const table = new ResultTable()
    for (const [row, options] of Object.entries(batches)) {
      say(row)
      const subjects = {
        cim: () => withDatabaseFile(folder, (view) => catchUpWithApplication(largeStore, view, options)),
        raw: () => withDatabaseFile(folder, (view) => timed(() => catchUpRaw(largeStore, view, options))),
      }
      // Compiles the code of both: a process that has just started takes about a second longer; see *Memory and start*.
      await inRounds(1, subjects)
      const samples = await inRounds(settings.rounds, subjects)
      const [cim, raw] = [pick(samples.cim, 'perSecond'), pick(samples.raw, 'perSecond')]
      const isDefault = row.includes('default')
      table.add(row, 'CIM', 's', pick(samples.cim, 'seconds'), isDefault ? { atMost: 5 } : undefined)
      table.add(row, 'raw', 's', pick(samples.raw, 'seconds'))
      table.add(row, 'CIM events', '/s', cim)
      table.add(row, 'raw events', '/s', raw)
      table.add(row, 'CIM to raw', '×', ratios(cim, raw), isDefault ? { atLeast: 0.7 } : undefined)
    }
    return table
  },
}

/** Builds the view of persons in a new file. */
export async function catchUpWithApplication(storePath: string, viewPath: string, options?: BatchOptions) {
  await using eventStore = new SqliteEventStore({ path: storePath })
  await using viewStore = new SqliteViewStore({ path: viewPath })
  await using application = new Application({
    eventStore,
    viewStore,
    aggregates: [person],
    projections: [personView],
    ...(options === undefined ? undefined : { processors: options }),
  })
  const head = await eventStore.headPosition()
  return await timed(async () => {
    await application.start()
    await untilProcessed(application, viewStore, head)
    return head
  })
}

async function untilProcessed(application: Application, viewStore: SqliteViewStore, head: number): Promise<void> {
  for (;;) {
    const seen = viewStore.committed.count
    const [processor] = application.processors as readonly [ProcessorStatus]
    if (processor.lastError !== undefined) throw new Error(processor.lastError)
    if ((await viewStore.getCheckpoint(personView)) >= head) return
    await viewStore.committed.wait(seen, { timeoutMs: 1000 })
  }
}

/** @param work returns how many events it processed */
async function timed(work: () => number | Promise<number>) {
  const start = performance.now()
  const events = await work()
  const seconds = (performance.now() - start) / 1000
  return { seconds, perSecond: events / seconds }
}
