/** Loading an aggregate: from its events, from a snapshot, from memory. */

import { performance } from 'node:perf_hooks'
import { Repository, type RepositoryOptions } from '@cim/core'
import { SqliteEventStore } from '@cim/sqlite'
import { person } from '../domain/person.ts'
import { personId } from '../domain/persons.ts'
import { seededRandom } from '../harness/random.ts'
import { inRounds, pick, ratios } from '../harness/rounds.ts'
import { ResultTable, type Scenario } from '../harness/scenario.ts'
import { withDatabaseFile } from '../harness/scratch.ts'
import type { Settings } from '../harness/settings.ts'
import { RawLoads } from '../raw/raw-loads.ts'
import { fillStore } from '../stores/fill-store.ts'

/** Scenario (e). */
export const load: Scenario = {
  name: 'load',
  title: 'Load of an aggregate with 100 events',
  needsLargeStore: false,
  about: `\`Repository.load\`, one at a time, of aggregates whose events lie scattered over the store; the pages of the file
are in the operating system's cache.

- **all events**: no snapshot, no cache: 100 events are read, verified, parsed and folded.
- **raw**: the same rows, read by a loop over \`node:sqlite\`, parsed and folded; their checksums are not looked at.
- **snapshot**: the newest snapshot is of version 90, and 10 events follow it.
- **cache**: the aggregate is in the repository's memory.`,
  run: ({ settings, folder, say }) =>
    withDatabaseFile(folder, async (path) => {
      say('filling a store')
      const aggregates = Math.min(settings.aggregates, loadedPersons)
      await fillStore({ path, aggregates, eventsPerAggregate: 100, snapshotAt: 90 })
      const table = new ResultTable()
      const samples = await measureLoads(path, aggregates, settings)
      for (const [name, runs] of Object.entries(samples)) {
        table.add('loads', name, '/s', pick(runs, 'perSecond'), name === 'cache' ? { atLeast: 1_000_000 } : undefined)
      }
      const [all, raw] = [pick(samples['all events'], 'perSecond'), pick(samples.raw, 'perSecond')]
      table.add('loads', 'all events to raw', '×', ratios(all, raw))
      return table
    }),
}

/** So many persons are loaded, in turns at random. */
export const loadedPersons = 300

/** Measures each way of loading, in rounds, over a store that {@link fillStore} made. */
function measureLoads(path: string, aggregates: number, settings: Settings) {
  const ids = personIds(aggregates)
  return inRounds(settings.rounds, {
    'all events': () => loadFromStore(path, ids, settings.loads, 'events'),
    raw: () => loadRaw(path, ids, settings.loads),
    snapshot: () => loadFromStore(path, ids, settings.loads, 'snapshot'),
    cache: () => loadFromStore(path, ids, settings.loads * cacheFactor, 'cache'),
  })
}

/** So much faster that it needs more loads to be measured at all. */
export const cacheFactor = 20

/** Where a load finds the aggregate. */
export type Source = 'events' | 'snapshot' | 'cache'

/** @returns the ids of the first persons of a store */
export function personIds(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => personId(index))
}

/** Opens a store that {@link fillStore} made, and loads some of its persons. */
export async function loadFromStore(path: string, ids: readonly string[], loads: number, source: Source) {
  await using store = new SqliteEventStore({ path })
  const options: RepositoryOptions<typeof person.initialState> = {
    definition: person,
    eventStore: store,
    maxCachedAggregates: source === 'cache' ? ids.length : 0,
    ...(source === 'events' ? undefined : { snapshotStore: store.snapshotStore }),
  }
  const repository = new Repository(options)
  if (source === 'cache') for (const id of ids) await repository.load(id)
  return await loadMany(ids, loads, async (id) => (await repository.load(id)).version)
}

async function loadRaw(path: string, ids: readonly string[], loads: number) {
  using raw = new RawLoads(path)
  return await loadMany(ids, loads, (id) => raw.load(id))
}

async function loadMany(ids: readonly string[], loads: number, loadOne: (id: string) => number | Promise<number>) {
  const random = seededRandom(3)
  const next = (): string => ids[Math.floor(random() * ids.length)] ?? ''
  for (const id of ids.slice(0, loadedPersons)) await loadOne(id)
  const start = performance.now()
  for (let count = 0; count < loads; count++) {
    if ((await loadOne(next())) === 0) throw new Error('An aggregate without events was loaded.')
  }
  return { perSecond: (loads / (performance.now() - start)) * 1000 }
}
