/** Loading an aggregate from JetStream: from its events, from a snapshot, from memory. */

import { Repository, type RepositoryOptions } from '@cim/core'
import { person } from '../domain/person.ts'
import { closedLoop } from '../harness/load-generators.ts'
import { startNatsServers } from '../harness/nats-servers.ts'
import { seededRandom } from '../harness/random.ts'
import { inRounds, pick, ratios } from '../harness/rounds.ts'
import { ResultTable, type Scenario } from '../harness/scenario.ts'
import type { Settings } from '../harness/settings.ts'
import { RawNatsLog } from '../raw/raw-nats-log.ts'
import { fillEvents } from '../stores/fill-store.ts'
import { type NatsStream, openNatsStore, withNatsStream } from '../stores/nats-stream.ts'
import { cacheFactor, personIds, type Source } from './load.ts'

const mostPersons = 100

/** Scenario of loads over NATS. */
export const natsLoad: Scenario = {
  name: 'nats-load',
  title: 'Load of an aggregate with 100 events over NATS JetStream',
  needsLargeStore: false,
  about: `\`Repository.load\` of aggregates whose events lie scattered over the stream, so many at a time by one process.

- **all events**: no snapshot, no cache: 100 events are read, checked, parsed and folded. With three servers, the one that
  leads the stream is asked besides how far the aggregate is, so that no acknowledged event is missed (\`reads: 'leader'\`).
- **raw**: one request for a batch of messages for each aggregate (\`$JS.API.DIRECT.GET\`) to whichever server answers, parsed and
  folded; nothing is checked, and with three servers the newest events may be missing.
- **snapshot**: the newest snapshot is of version 90, and 10 events follow it.
- **cache**: the aggregate is in the repository's memory.`,
  async run({ settings, folder, say }) {
    const table = new ResultTable()
    for (const count of [1, 3] as const) {
      await using servers = await startNatsServers({ count, folder })
      table.note(`nats-server ${servers.version}.`)
      await withNatsStream(servers, async (stream) => {
        say(`filling a stream on ${count === 1 ? '1 server' : '3 servers'}`)
        const ids = personIds(Math.min(settings.aggregates, mostPersons))
        await fill(stream, ids.length)
        for (const callers of [1, 64]) {
          const row = `${count === 1 ? '1 server' : '3 servers'}, ${callers} at a time`
          say(row)
          await measure(table, row, { stream, ids, callers, settings })
        }
      })
    }
    return table
  },
}

interface Loads {
  readonly stream: NatsStream
  readonly ids: readonly string[]
  readonly callers: number
  readonly settings: Settings
}

async function fill(stream: NatsStream, aggregates: number): Promise<void> {
  await using store = await openNatsStore(stream)
  await fillEvents(store, { aggregates, eventsPerAggregate: 100, snapshotAt: 90 })
}

async function measure(table: ResultTable, row: string, loads: Loads): Promise<void> {
  const samples = await inRounds(loads.settings.natsRounds, {
    'all events': () => loadFromStore(loads, 'events'),
    raw: () => loadRaw(loads),
    snapshot: () => loadFromStore(loads, 'snapshot'),
    cache: () => loadFromStore(loads, 'cache'),
  })
  const [all, raw] = [pick(samples['all events'], 'perSecond'), pick(samples.raw, 'perSecond')]
  table.add(row, 'all events', '/s', all)
  table.add(row, 'raw', '/s', raw)
  table.add(row, 'all events to raw', '×', ratios(all, raw))
  table.add(row, 'all events p99', 'ms', pick(samples['all events'], 'p99Ms'))
  table.add(row, 'snapshot', '/s', pick(samples.snapshot, 'perSecond'))
  table.add(row, 'snapshot p99', 'ms', pick(samples.snapshot, 'p99Ms'))
  table.add(row, 'cache', '/s', pick(samples.cache, 'perSecond'))
}

async function loadFromStore(loads: Loads, source: Source) {
  await using store = await openNatsStore(loads.stream)
  const options: RepositoryOptions<typeof person.initialState> = {
    definition: person,
    eventStore: store,
    maxCachedAggregates: source === 'cache' ? loads.ids.length : 0,
    ...(source === 'events' ? undefined : { snapshotStore: store.snapshotStore }),
  }
  const repository = new Repository(options)
  const factor = source === 'cache' ? cacheFactor : 1
  return await loadMany(loads, factor, async (id) => (await repository.load(id)).version)
}

async function loadRaw(loads: Loads) {
  await using log = await RawNatsLog.open(loads.stream)
  return await loadMany(loads, 1, (id) => log.load(id))
}

async function loadMany({ ids, callers, settings }: Loads, factor: number, loadOne: (id: string) => Promise<number>) {
  const random = seededRandom(3)
  for (const id of ids) await loadOne(id)
  return await closedLoop(callers, settings.natsLoads * factor, async () => {
    const version = await loadOne(ids[Math.floor(random() * ids.length)] ?? '')
    if (version !== 100) throw new Error(`An aggregate with 100 events was loaded with ${version}.`)
  })
}
