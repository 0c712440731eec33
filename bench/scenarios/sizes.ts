/** The same measurements from ten thousand to ten million events. */

import { statSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { SqliteEventStore } from '@cim/sqlite'
import type { ReplayInput, ReplayOutcome } from '../children/replay.ts'
import type { QueryOutcome, QueryRequest, StartInput } from '../children/start-service.ts'
import { Persons } from '../domain/persons.ts'
import { runChild, startChild } from '../harness/child.ts'
import { inRounds, pick } from '../harness/rounds.ts'
import { type Plot, ResultTable, type Scenario, type ScenarioContext } from '../harness/scenario.ts'
import { withDatabaseFile } from '../harness/scratch.ts'
import type { FillOptions } from '../stores/fill-store.ts'
import { measureAppends } from './append.ts'
import { loadFromStore, personIds } from './load.ts'

const children = join(import.meta.dirname, '..', 'children')
const eventsPerPerson = 100
/** Within which a service with a million events should listen. */
const startAim = { events: 1_000_000, aim: { atMost: 500 } }

const shared = { places: 'events stored', kind: 'lines' } as const

export const sizes: Scenario = {
  name: 'sizes',
  title: 'From ten thousand to ten million events',
  needsLargeStore: false,
  about: `Stores of rising size, each with 100 events of every person, all mixed: so the persons, the documents of the view and its
index entries grow with the events. Each store is measured by itself, one after the other.

- **append**: as in *Durable append*, into the store as it stands, by 1 and by 64 appenders.
- **load**: of any person at random, from all of her 100 events, and from a snapshot of version 90 and the ten events behind it.
- **query**: a person's document by its id, in process, one at a time.
- **catch up**: the view of *Catch-up of a projection* over the whole store, in a process of its own, and the most memory that
  process ever held.
- **start**: from the start of a process until its service listens, on the store and its finished view.
- **file**: of the store, indexes included.`,
  plots: [
    {
      ...shared,
      name: 'sizes-rates',
      title: 'Rates as the store grows',
      columns: ['append, 1 at once', 'append, 64 at once', 'load, events', 'load, snapshot', 'query', 'catch up'],
      isLogarithmic: true,
    },
    {
      ...shared,
      name: 'sizes-memory',
      title: 'Memory as the store grows',
      columns: ['catch up, peak', 'file per 100,000 events'],
    },
    { ...shared, name: 'sizes-start', title: 'Start of the service as the store grows', columns: ['start'] },
  ] satisfies readonly Plot[],
  async run(context) {
    const table = new ResultTable()
    for (const events of context.settings.storeSizes) await measureSize(context, table, events)
    return table
  },
}

async function measureSize(
  { settings, folder, say }: ScenarioContext,
  table: ResultTable,
  events: number,
): Promise<void> {
  const row = events.toLocaleString('en-US')
  const aggregates = events / eventsPerPerson
  await withDatabaseFile(folder, async (store) => {
    say(`${row} events: filling`)
    const fill: FillOptions = { path: store, aggregates, eventsPerAggregate: eventsPerPerson, snapshotAt: 90 }
    await runChild(join(children, 'fill-store.ts'), { ...fill })
    table.add(row, 'file', 'MB', [statSync(store).size / 2 ** 20])
    table.add(row, 'file per 100,000 events', 'MB', [(statSync(store).size / 2 ** 20 / events) * 100_000])
    await withDatabaseFile(folder, async (view) => {
      say(`${row} events: catching up`)
      const replay: ReplayInput = { work: 'catch up', store, view }
      const { seconds, peakMb } = await runChild<ReplayOutcome>(join(children, 'replay.ts'), { ...replay })
      table.add(row, 'catch up', '/s', [events / seconds])
      table.add(row, 'catch up, peak', 'MB', [peakMb])
      say(`${row} events: starting and asking`)
      const { started } = await inRounds(settings.rounds, {
        started: () => startAndAsk({ storePath: store, viewPath: view }, { queries: settings.loads * 5, aggregates }),
      })
      table.add(row, 'start', 'ms', pick(started, 'startMs'), events === startAim.events ? startAim.aim : undefined)
      table.add(row, 'query', '/s', pick(started, 'perSecond'))
    })
    say(`${row} events: loading`)
    const ids = personIds(aggregates)
    const { all, snapshot } = await inRounds(settings.rounds, {
      all: () => loadFromStore(store, ids, settings.loads, 'events'),
      snapshot: () => loadFromStore(store, ids, settings.loads, 'snapshot'),
    })
    table.add(row, 'load, events', '/s', pick(all, 'perSecond'))
    table.add(row, 'load, snapshot', '/s', pick(snapshot, 'perSecond'))
    say(`${row} events: appending`)
    await using opened = new SqliteEventStore({ path: store })
    const persons = new Persons(aggregates, eventsPerPerson)
    for (const appenders of [1, 64]) {
      const { runs } = await inRounds(settings.rounds, {
        runs: () => measureAppends(opened, persons, appenders, settings),
      })
      table.add(row, `append, ${appenders} at once`, '/s', pick(runs, 'perSecond'))
    }
  })
}

async function startAndAsk(input: StartInput, request: QueryRequest) {
  const before = performance.now()
  await using child = await startChild(join(children, 'start-service.ts'), { ...input })
  const startMs = performance.now() - before
  const { perSecond } = await child.ask<QueryOutcome>({ ...request })
  return { startMs, perSecond }
}
