/** From a command in one process to a view in another. */

import { join } from 'node:path'
import type { NatsCommanderInput, NatsCommanderOutcome, NatsCommanderRun } from '../children/nats-commander.ts'
import type { NatsViewerInput } from '../children/nats-viewer.ts'
import { startChild } from '../harness/child.ts'
import { startNatsServers } from '../harness/nats-servers.ts'
import { inRounds, pick } from '../harness/rounds.ts'
import { ResultTable, type Scenario } from '../harness/scenario.ts'
import { withDatabaseFile } from '../harness/scratch.ts'
import { withNatsStream } from '../stores/nats-stream.ts'

const [commander, viewer] = ['nats-commander.ts', 'nats-viewer.ts'].map((name) =>
  join(import.meta.dirname, '..', 'children', name),
) as [string, string]
const perSecond = 500

/** Scenario of a view in another process. */
export const natsView: Scenario = {
  name: 'nats-view',
  title: 'From a command to a view in another process',
  needsLargeStore: false,
  about: `One process dispatches 500 commands/s, evenly spaced, to persons at random; another keeps a view of them in SQLite, from
the same stream. When a command is acknowledged, its process asks the other over NATS for the person as of that event or later,
and checks what comes. All times are of one clock, and count from the moment at which a command was due.

- **acknowledged**: until the event is stored and the first process knows.
- **shown**: until the answer of the second process is back: the event was delivered, projected and committed there, and a
  query that waited for it was answered.`,
  async run({ settings, folder, say }) {
    const table = new ResultTable()
    const run: NatsCommanderRun = { perSecond, commands: Math.ceil(perSecond * settings.openLoopSeconds) }
    for (const count of [1, 3] as const) {
      const row = count === 1 ? '1 server' : '3 servers'
      say(row)
      await using servers = await startNatsServers({ count, folder })
      table.note(`nats-server ${servers.version}.`)
      await withNatsStream(servers, (stream) =>
        withDatabaseFile(folder, async (viewPath) => {
          const view: NatsViewerInput = { stream, viewPath }
          await using _ = await startChild(viewer, { ...view })
          const input: NatsCommanderInput = { stream, aggregates: Math.min(settings.aggregates, 1000) }
          await using commands = await startChild(commander, { ...input })
          const { runs } = await inRounds(settings.natsRounds, {
            runs: () => commands.ask<NatsCommanderOutcome>({ ...run }),
          })
          table.add(row, 'acknowledged p50', 'ms', pick(runs, 'acknowledgedP50Ms'))
          table.add(row, 'acknowledged p99', 'ms', pick(runs, 'acknowledgedP99Ms'))
          table.add(row, 'shown p50', 'ms', pick(runs, 'shownP50Ms'))
          table.add(row, 'shown p99', 'ms', pick(runs, 'shownP99Ms'), { atMost: 100 })
        }),
      )
    }
    return table
  },
}
