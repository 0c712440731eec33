/** Memory while a large store is replayed, and the time it takes to open it. */

import { join } from 'node:path'
import type { ReplayInput, ReplayOutcome } from '../children/replay.ts'
import { runChild } from '../harness/child.ts'
import { inRounds, pick } from '../harness/rounds.ts'
import { ResultTable, type Scenario } from '../harness/scenario.ts'
import { withDatabaseFile } from '../harness/scratch.ts'
import type { FillOptions } from '../stores/fill-store.ts'

const replay = join(import.meta.dirname, '..', 'children', 'replay.ts')
const fill = join(import.meta.dirname, '..', 'children', 'fill-store.ts')
const smallHeap = ['--max-old-space-size=160', '--max-semi-space-size=4']

/** Scenario (h). */
export const memory: Scenario = {
  name: 'memory',
  title: 'Memory and start',
  needsLargeStore: true,
  about: `A process of its own for each run; the greatest memory that it ever held (resident set, Node included).

- **nothing**: Node with the packages, loaded from their sources, as the workspace runs them: with their types removed once
  and kept in Node's compile cache.
- **open**: opens the large store and closes it.
- **subscribe**: goes through all of its events with \`subscribe\`.
- **catch up**: builds the view of *Catch-up of a projection*.
- **backlog**: the same over 5,000,000 events, five times as many.
- **small heap**: the same with \`--max-old-space-size=160 --max-semi-space-size=4\`. About 30 MB are alive at any time; how
  much garbage Node lets pile up on top of it depends on the machine's memory, unless it is told.`,
  async run({ settings, folder, largeStore, say }) {
    const table = new ResultTable()
    // Fills the compile cache.
    await withDatabaseFile(folder, (view) => runChild(replay, { work: 'nothing', store: largeStore, view }))
    for (const work of ['nothing', 'open', 'subscribe', 'catch up'] as const) {
      for (const heap of ['', ', small heap'] as const) {
        const row = `${work}${heap}`
        say(row)
        const nodeOptions = heap === '' ? [] : smallHeap
        const { runs } = await inRounds(settings.longRounds, {
          runs: () =>
            withDatabaseFile(folder, async (view) => {
              const input: ReplayInput = { work, store: largeStore, view }
              return { openMs: 0, ...(await runChild<ReplayOutcome>(replay, { ...input }, { nodeOptions })) }
            }),
        })
        table.add(row, 'peak', 'MB', pick(runs, 'peakMb'), heap === '' ? undefined : { atMost: 200 })
        if (work === 'nothing') continue
        if (work === 'open') table.add(row, 'opening the store', 'ms', pick(runs, 'openMs'))
        else table.add(row, 'whole run', 's', pick(runs, 'seconds'))
      }
    }
    const row = 'backlog, small heap'
    say(row)
    const { aggregates, backlogEvents } = settings
    await withDatabaseFile(folder, async (store) => {
      const eventsPerAggregate = Math.ceil(backlogEvents / aggregates)
      await runChild(fill, { path: store, aggregates, eventsPerAggregate, snapshotAt: 0 } satisfies FillOptions)
      const { peakMb, seconds } = await withDatabaseFile(folder, (view) => {
        const input: ReplayInput = { work: 'catch up', store, view }
        return runChild<ReplayOutcome>(replay, { ...input }, { nodeOptions: smallHeap })
      })
      table.add(row, 'peak', 'MB', [peakMb], { atMost: 200 })
      table.add(row, 'whole run', 's', [seconds])
    })
    return table
  },
}
