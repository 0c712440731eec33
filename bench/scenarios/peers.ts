/** CIM beside the other event stores for SQLite that TypeScript has. */

import { join } from 'node:path'
import { runChild } from '../harness/child.ts'
import type { PeerAnswer, PeerInput, PeerOutcome } from '../harness/peer.ts'
import { peerVersion, preparePeers } from '../harness/peers.ts'
import { inRounds, pick, ratios } from '../harness/rounds.ts'
import { ResultTable, type Scenario, type ScenarioContext } from '../harness/scenario.ts'
import { withDatabaseFile } from '../harness/scratch.ts'

const everything: readonly PeerInput['work'][] = ['append', 'load', 'catch up']

interface PeerSetup {
  readonly module: string
  readonly options: object
  readonly packages: readonly string[]
  readonly works: readonly PeerInput['work'][]
}

/** By column: the module that does the work, and what it is told beside it. */
const peers = {
  CIM: { module: 'peer-cim.ts', options: {}, packages: [], works: everything },
  'Emmett, one connection': {
    module: 'peer-emmett.ts',
    options: { connections: 'one' },
    packages: ['@event-driven-io/emmett', '@event-driven-io/emmett-sqlite', 'sqlite3'],
    works: everything,
  },
  'Emmett, default': { module: 'peer-emmett.ts', options: { connections: 'many' }, packages: [], works: ['append'] },
  Act: {
    module: 'peer-act.ts',
    options: {},
    packages: ['@rotorsoft/act', '@rotorsoft/act-sqlite', '@libsql/client'],
    works: everything,
  },
} as const satisfies Readonly<Record<string, PeerSetup>>

type PeerName = keyof typeof peers
const allNames = Object.keys(peers) as PeerName[]

/** Scenario (b). */
export const peerStores: Scenario = {
  name: 'peers',
  title: 'Beside Emmett and Act',
  needsLargeStore: false,
  about: `The same work in the same process layout, each peer on a new file, WAL, \`synchronous=FULL\`; the speed is that of what
succeeded.

- **append**: one event with its expected version to one of 10,000 streams, by so many callers at once.
- **load**: streams with 100 events each, read and folded one after the other, without a cache or a snapshot.
- **catch up**: a view of persons with three indexes over streams of 100 events.
- **CIM**: \`SqliteEventStore\`, \`Repository\`, \`Application\` with a \`SqliteViewStore\`.
- **Emmett, one connection**: \`getSQLiteEventStore\` with a singleton connection, its fastest setting; a consumer that pulls
  1,000 messages at a time without a pause, and a SQL projection, which changes columns without reading them.
- **Emmett, default**: appends with its default, a connection for each operation.
- **Act**: \`SqliteStore.commit\`, \`Act.load\`, and a batched projection with \`settle({ eventLimit: 1000 })\`. Act keeps no
  views itself: the projection writes a table with three indexes, each document once for a batch.`,
  plots: [
    {
      name: 'peers',
      title: 'Beside Emmett and Act',
      kind: 'bars',
      places: 'what is done',
      columns: ['CIM', 'Emmett, one connection', 'Emmett, default', 'Act'],
      isLogarithmic: true,
    },
  ],
  async run(context) {
    const table = new ResultTable()
    const problem = await preparePeers(context.mayInstall, context.say)
    for (const callers of context.settings.peerAppenders) {
      await compare(context, table, `append, ${callers} at once`, { work: 'append', callers }, problem)
    }
    await compare(context, table, 'load', { work: 'load', callers: 1 }, problem)
    await compare(context, table, 'catch up', { work: 'catch up', callers: 1 }, problem)
    const versions = allNames.flatMap((name) => peers[name].packages.map((one) => `${one} ${peerVersion(one) ?? '–'}`))
    table.note(`${versions.join(', ')}.`)
    return table
  },
}

async function compare(
  { settings, folder, say }: ScenarioContext,
  table: ResultTable,
  row: string,
  { work, callers }: Pick<PeerInput, 'work' | 'callers'>,
  problem: string | undefined,
): Promise<void> {
  say(row)
  const names = allNames.filter((name) => (peers[name].works as readonly PeerInput['work'][]).includes(work))
  const failures = new Map<PeerName, string>()
  if (problem !== undefined) for (const name of names) if (name !== 'CIM') failures.set(name, problem)
  const run = async (name: PeerName): Promise<PeerOutcome> => {
    if (failures.has(name)) return noOutcome
    try {
      const {
        outcome,
        firstFailure,
        settings: pragmas,
      } = await withDatabaseFile(folder, (path) => {
        const { aggregates, peerEvents: events, peerTimeoutMs: timeoutMs } = settings
        const input: PeerInput = { path, work, callers, aggregates, events }
        return runChild<PeerAnswer>(moduleOf(name), { ...input, ...peers[name].options }, { timeoutMs })
      })
      noteOddities(table, `${name}, ${row}`, outcome, firstFailure)
      table.note(`${name}: ${pragmas}.`)
      return outcome
    } catch (error) {
      failures.set(name, `${name}, ${row}: ${explain(error)}`)
      return noOutcome
    }
  }
  const subjects = Object.fromEntries(names.map((name) => [name, () => run(name)])) as Record<
    PeerName,
    () => Promise<PeerOutcome>
  >
  const samples = await inRounds(settings.longRounds, subjects)
  const best = pick(samples.CIM, 'perSecond')
  for (const name of names) {
    const failure = failures.get(name)
    if (failure !== undefined) table.fail(row, name, failure)
    else table.add(row, name, '/s', pick(samples[name], 'perSecond'))
  }
  for (const name of names) {
    if (name === 'CIM' || failures.has(name)) continue
    table.add(row, `CIM to ${name}`, '×', ratios(best, pick(samples[name], 'perSecond')))
  }
}

const noOutcome: PeerOutcome = { perSecond: 0, p50Ms: 0, p99Ms: 0, attempted: 0, failed: 0, uncommitted: 0 }

function moduleOf(name: PeerName): string {
  return join(import.meta.dirname, '..', 'children', peers[name].module)
}

function noteOddities(table: ResultTable, subject: string, outcome: PeerOutcome, firstFailure: string): void {
  const { attempted, failed, uncommitted } = outcome
  if (failed > 0) {
    table.note(
      `${subject}: ${failed} of ${attempted} appends failed, the first one with: ${firstFailure.split('\n')[0]}`,
    )
  }
  if (uncommitted > 0) {
    table.note(
      `${subject}: half way, ${uncommitted} of ${Math.floor(attempted / 2)} acknowledged events were not committed. ` +
        'A crash would have lost them: this speed is not that of durable appends.',
    )
  }
}

/** @returns how the process ended, and the last error that it printed */
function explain(error: unknown): string {
  const lines = (error instanceof Error ? error.message : String(error)).split('\n')
  const [end = ''] = (lines[0] ?? '').split(': ')
  const printed = lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? ''
  return `${end}. It printed: ${printed.trim()}`
}
