/** Durable appends through the public event store, against raw loops over `node:sqlite`. */

import { SqliteEventStore } from '@cim/sqlite'
import { Persons } from '../domain/persons.ts'
import { batchLoop, closedLoop, type LoadSample } from '../harness/load-generators.ts'
import { inRounds, pick, ratios } from '../harness/rounds.ts'
import { ResultTable, type Scenario } from '../harness/scenario.ts'
import { withDatabaseFile } from '../harness/scratch.ts'
import type { Settings } from '../harness/settings.ts'
import { RawEventLog, type RawLayout } from '../raw/raw-event-log.ts'

/** Scenario (a). */
export const append: Scenario = {
  name: 'append',
  title: 'Durable append',
  needsLargeStore: false,
  about: `One event per append, with its expected version, to one of 10,000 aggregates at random, by so many appenders that
each wait for their acknowledgment. Everything is durable when it is acknowledged (WAL, \`synchronous=FULL\`).

- **CIM**: \`SqliteEventStore.appendEvents\`, from the call to the acknowledgment. The store writes its indexes behind the
  log: a run is long enough to contain that work.
- **raw, indexes in place**: a loop over \`node:sqlite\` that writes the same columns in transactions of as many events as
  there are appenders, with the index entries by aggregate, type and correlation id in the same transaction. Ids and JSON
  are made as in the store. It checks nothing, keeps no promises and answers nobody.
- **raw, log only**: the same without any index: the events could not be found again. Nothing can be faster.`,
  plots: [
    {
      name: 'append',
      title: 'Durable appends per second',
      kind: 'lines',
      rows: /^(\d+) appender/,
      places: 'appenders at once',
      columns: ['CIM', 'raw, indexes in place', 'raw, log only'],
      isLogarithmic: true,
    },
  ],
  async run({ settings, folder, say }) {
    const table = new ResultTable()
    for (const appenders of settings.appenders) {
      say(`${appenders} appenders`)
      const samples = await inRounds(settings.rounds, {
        cim: () => withDatabaseFile(folder, (path) => appendThroughStore(path, appenders, settings)),
        inPlace: () => withDatabaseFile(folder, (path) => appendRaw(path, 'indexes in place', appenders, settings)),
        logOnly: () => withDatabaseFile(folder, (path) => appendRaw(path, 'log only', appenders, settings)),
      })
      const row = `${appenders} appender${appenders === 1 ? '' : 's'}`
      const [cim, inPlace, logOnly] = [samples.cim, samples.inPlace, samples.logOnly].map((runs) =>
        pick(runs, 'perSecond'),
      ) as [number[], number[], number[]]
      table.add(row, 'CIM', '/s', cim)
      table.add(row, 'raw, indexes in place', '/s', inPlace)
      table.add(row, 'raw, log only', '/s', logOnly)
      table.add(row, 'CIM to indexes in place', '×', ratios(cim, inPlace), { atLeast: 0.85 })
      table.add(row, 'CIM to log only', '×', ratios(cim, logOnly))
      table.add(row, 'CIM p50', 'ms', pick(samples.cim, 'p50Ms'))
      table.add(row, 'CIM p99', 'ms', pick(samples.cim, 'p99Ms'))
    }
    return table
  },
}

/** Opens a new store, brings it into its steady state, and measures appends. */
export async function appendThroughStore(path: string, appenders: number, settings: Settings): Promise<LoadSample> {
  await using store = new SqliteEventStore({ path })
  const persons = new Persons(settings.aggregates)
  await closedLoop(256, settings.warmUpEvents, (caller) => persons.appendOne(store, caller, 256))
  return await measureAppends(store, persons, appenders, settings)
}

/** Measures appends to an open store. */
export function measureAppends(
  store: SqliteEventStore,
  persons: Persons,
  appenders: number,
  { eventsPerRun }: Settings,
): Promise<LoadSample> {
  const events = appenders === 1 ? eventsPerRun.alone : eventsPerRun.crowd
  return closedLoop(appenders, events, (caller) => persons.appendOne(store, caller, appenders))
}

/** Measures a raw loop over a new file. */
function appendRaw(path: string, layout: RawLayout, appenders: number, settings: Settings): LoadSample {
  using log = new RawEventLog(path, layout)
  const persons = new Persons(settings.aggregates)
  batchLoop(256, settings.warmUpEvents, (size) => log.appendBatch(persons, size))
  return measureRawAppends(log, persons, appenders, settings)
}

/** Measures a raw loop over an open file. */
export function measureRawAppends(
  log: RawEventLog,
  persons: Persons,
  appenders: number,
  { eventsPerRun }: Settings,
): LoadSample {
  const events = appenders === 1 ? eventsPerRun.alone : eventsPerRun.crowd
  return batchLoop(appenders, events, (size) => log.appendBatch(persons, size))
}
