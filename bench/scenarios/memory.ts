/** Memory while a large store is replayed, and the time it takes to open it. */

import { join } from 'node:path'
import type { ReplayInput, ReplayOutcome } from '../children/replay.ts'
import { runChild } from '../harness/child.ts'
import { inRounds, pick } from '../harness/rounds.ts'
import { ResultTable, type Scenario } from '../harness/scenario.ts'
import { withDatabaseFile } from '../harness/scratch.ts'

const replay = join(import.meta.dirname, '..', 'children', 'replay.ts')

/** Scenario (h). */
export const memory: Scenario = {
  name: 'memory',
  title: 'Memory and start',
  needsLargeStore: true,
  about: `A process of its own for each run; the greatest memory that it ever held (resident set, Node included).

- **nothing**: Node with the packages, loaded from their sources: removing their types takes some 40 MB of it, which built
  packages do not need.
- **open**: opens the large store and closes it.
- **subscribe**: goes through all of its events with \`subscribe\`.
- **catch up**: builds the view of *Catch-up of a projection*.`,
  async run({ settings, folder, largeStore, say }) {
    const table = new ResultTable()
    for (const work of ['nothing', 'open', 'subscribe', 'catch up'] as const) {
      say(work)
      const { runs } = await inRounds(settings.longRounds, {
        runs: () =>
          withDatabaseFile(folder, async (view) => ({
            ...(await runChild<ReplayOutcome>(replay, { work, store: largeStore, view } satisfies ReplayInput)),
          })),
      })
      table.add(work, 'peak', 'MB', pick(runs, 'peakMb'), work === 'nothing' ? undefined : { atMost: 200 })
      if (work === 'nothing') continue
      table.add(work, 'opening the store', 'ms', pick(runs, 'openMs'))
      table.add(work, 'whole run', 's', pick(runs, 'seconds'))
    }
    return table
  },
}
