/** What becomes of appends, commands and loads when the store holds a million events. */

import { copyFileSync } from 'node:fs'
import { Repository } from '@cim/core'
import { SqliteEventStore } from '@cim/sqlite'
import { person } from '../domain/person.ts'
import { Persons } from '../domain/persons.ts'
import { batchLoop, closedLoop, type LoadSample } from '../harness/load-generators.ts'
import { inRounds, pick, ratios } from '../harness/rounds.ts'
import { ResultTable, type Scenario, type ScenarioContext } from '../harness/scenario.ts'
import { withDatabaseFile } from '../harness/scratch.ts'
import { RawEventLog } from '../raw/raw-event-log.ts'
import { fillStore } from '../stores/fill-store.ts'
import { appendThroughStore, measureAppends, measureRawAppends } from './append.ts'
import { dispatchInNewStore, PersonService } from './commands.ts'
import { cacheFactor, loadedPersons, loadFromStore, personIds } from './load.ts'

const notSlower = { atLeast: 0.9 }

/** Scenario (g). */
export const growth: Scenario = {
  name: 'growth',
  title: 'Growth to a million events',
  needsLargeStore: true,
  about: `The same measurements on a new store and on a copy of the large one: 1,000,000 events of 10,000 persons, all mixed.
Both run in turns, so the ratio says what the size alone does.

- **new**: a store with as many events as *Durable append*, *Commands in process* and *Load of an aggregate* start with.
- **large**: the large store. What is measured adds to it, so it grows on.
- **load**: of 300 persons with 100 events each in turns at random; both stores are asked for the same ones. In the new
  store, too, their last ten events lie among those of 10,000 persons, 127,000 events in all, so that as many pages have to
  be looked at in both: the new one is smaller, not denser. **current snapshot**: of version 100, as the repository keeps
  one by default. **snapshot**: of version 90, and the ten events behind it, which have to be looked for on ten pages; those
  of the large store lie deeper, and less often in the processor's caches. **nobody else**: against a store that holds nothing but these 300
  persons, whose last ten events lie close together, in the processor's own caches. **of anyone**: in the large store
  any of its 10,000 persons, whose events lie on a hundred thousand pages; few of them are in the store's page cache of
  32 MiB, and the others have to be read from the file.
- **raw, large**: a raw loop with its indexes in place (see *Durable append*) over a file with as many events.`,
  async run(context) {
    const table = new ResultTable()
    await measureAppendsOf(context, table)
    await measureCommandsOf(context, table)
    await measureLoadsOf(context, table)
    return table
  },
}

async function measureAppendsOf(
  { settings, folder, largeStore, say }: ScenarioContext,
  table: ResultTable,
): Promise<void> {
  await withDatabaseFile(folder, (largeCopy) =>
    withDatabaseFile(folder, async (rawPath) => {
      copyFileSync(largeStore, largeCopy)
      await using store = new SqliteEventStore({ path: largeCopy })
      const persons = new Persons(settings.aggregates, settings.largeStoreEvents / settings.aggregates)
      say('filling a raw file')
      using raw = new RawEventLog(rawPath, 'indexes in place')
      const rawPersons = new Persons(settings.aggregates)
      raw.fill(rawPersons, settings.largeStoreEvents)
      await closedLoop(256, settings.warmUpEvents, (caller) => persons.appendOne(store, caller, 256))
      batchLoop(256, settings.warmUpEvents, (size) => raw.appendBatch(rawPersons, size))
      for (const appenders of settings.appenders) {
        say(`${appenders} appenders`)
        const samples = await inRounds(settings.longRounds, {
          fresh: () => withDatabaseFile(folder, (path) => appendThroughStore(path, appenders, settings)),
          large: () => measureAppends(store, persons, appenders, settings),
          raw: () => measureRawAppends(raw, rawPersons, appenders, settings),
        })
        const row = `append, ${appenders} at once`
        addPair(table, row, samples.fresh, samples.large, appenders === 1)
        const [large, plain] = [pick(samples.large, 'perSecond'), pick(samples.raw, 'perSecond')]
        table.add(row, 'raw, large', '/s', plain)
        table.add(row, 'large to raw, large', '×', ratios(large, plain), appenders > 1 ? { atLeast: 1 } : undefined)
      }
    }),
  )
}

async function measureCommandsOf(
  { settings, folder, largeStore, say }: ScenarioContext,
  table: ResultTable,
): Promise<void> {
  await withDatabaseFile(folder, async (largeCopy) => {
    copyFileSync(largeStore, largeCopy)
    await using store = new SqliteEventStore({ path: largeCopy })
    const version = settings.largeStoreEvents / settings.aggregates
    const service = new PersonService(store, new Persons(settings.aggregates, version))
    await service.dispatchToAll()
    for (const callers of [1, 64]) {
      say(`${callers} callers`)
      const { alone, crowd } = settings.eventsPerRun
      const samples = await inRounds(settings.longRounds, {
        fresh: () => dispatchInNewStore(folder, settings, callers, () => undefined),
        large: () =>
          closedLoop(callers, callers === 1 ? alone : crowd, (caller) => service.dispatchOne(caller, callers)),
      })
      addPair(table, `dispatch, ${callers} at once`, samples.fresh, samples.large, callers === 1)
    }
  })
}

async function measureLoadsOf(
  { settings, folder, largeStore, say }: ScenarioContext,
  table: ResultTable,
): Promise<void> {
  const aggregates = Math.min(settings.aggregates, loadedPersons)
  const few = personIds(aggregates)
  const all = personIds(settings.aggregates)
  await withDatabaseFile(folder, (path) =>
    withDatabaseFile(folder, async (alonePath) => {
      const spread = { aggregates: settings.aggregates, eventsPerAggregate: 10 }
      await fillStore({ path, aggregates, eventsPerAggregate: 90, snapshotAt: 90, recent: spread })
      await fillStore({ path: alonePath, aggregates, eventsPerAggregate: 100, snapshotAt: 90 })
      say('loads, current snapshot')
      const current = await withDatabaseFile(folder, (freshCopy) =>
        withDatabaseFile(folder, async (largeCopy) => {
          await copyWithSnapshots(path, freshCopy, few)
          await copyWithSnapshots(largeStore, largeCopy, few)
          return await inRounds(settings.rounds, {
            fresh: () => loadFromStore(freshCopy, few, settings.loads * 5, 'snapshot'),
            large: () => loadFromStore(largeCopy, few, settings.loads * 5, 'snapshot'),
          })
        }),
      )
      addPair(table, 'load, current snapshot', current.fresh, current.large, true)
      for (const [source, loads] of [
        ['events', settings.loads],
        ['snapshot', settings.loads],
        ['cache', settings.loads * cacheFactor],
      ] as const) {
        say(`loads, ${source}`)
        const samples = await inRounds(settings.rounds, {
          fresh: () => loadFromStore(path, few, loads, source),
          large: () => loadFromStore(largeStore, few, loads, source),
          anyone: () => loadFromStore(largeStore, all, loads, source),
          alone: () => loadFromStore(alonePath, few, loads, source),
        })
        addPair(table, `load, ${source}`, samples.fresh, samples.large, source === 'cache')
        addPair(table, `load, ${source}, nobody else`, samples.alone, samples.large, false)
        addPair(table, `load, ${source}, of anyone`, samples.fresh, samples.anyone, false)
      }
    }),
  )
}

/** Copies a store, and keeps a snapshot of each of these persons as she is now. */
async function copyWithSnapshots(from: string, to: string, ids: readonly string[]): Promise<void> {
  copyFileSync(from, to)
  await using store = new SqliteEventStore({ path: to })
  const repository = new Repository({ definition: person, eventStore: store })
  for (const aggregateId of ids) {
    const { isVerified: _, aggregateId: __, ...snapshot } = await repository.load(aggregateId)
    const aggregate = { aggregateType: 'Person', aggregateId }
    await store.snapshotStore.saveSnapshot(aggregate, { ...snapshot, fingerprint: person.fingerprint })
  }
}

function addPair(
  table: ResultTable,
  row: string,
  fresh: readonly Pick<LoadSample, 'perSecond'>[],
  large: readonly Pick<LoadSample, 'perSecond'>[],
  hasAim: boolean,
): void {
  const [before, after] = [pick(fresh, 'perSecond'), pick(large, 'perSecond')]
  table.add(row, 'new', '/s', before)
  table.add(row, 'large', '/s', after)
  table.add(row, 'large to new', '×', ratios(after, before), hasAim ? notSlower : undefined)
}
