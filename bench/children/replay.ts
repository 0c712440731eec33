/** Opens a large store and goes through all of it: what memory does that take? */

import { performance } from 'node:perf_hooks'
import { SqliteEventStore } from '@cim/sqlite'
import { answer, childInput } from '../harness/child.ts'
import { catchUpWithApplication } from '../scenarios/catch-up.ts'

/** What the process is started with. */
export interface ReplayInput {
  /** `open`: open the store and close it. */
  readonly work: 'nothing' | 'open' | 'subscribe' | 'catch up'
  readonly store: string
  readonly view: string
}

/** What it found. */
export interface ReplayOutcome {
  /** For `open` alone: whatever else is done opens the store once, as a service does. */
  readonly openMs?: number
  readonly seconds: number
  readonly peakMb: number
}

const { work, store, view } = childInput<ReplayInput>()
const start = performance.now()
const opened = work === 'open' ? { openMs: await open() } : undefined
if (work === 'subscribe') await subscribe()
if (work === 'catch up') await catchUpWithApplication(store, view)
const outcome: ReplayOutcome = {
  ...opened,
  seconds: (performance.now() - start) / 1000,
  // Kilobytes, on every system.
  peakMb: process.resourceUsage().maxRSS / 1024,
}
answer({ ...outcome })

async function open(): Promise<number> {
  const before = performance.now()
  await using eventStore = new SqliteEventStore({ path: store })
  const elapsedMs = performance.now() - before
  if ((await eventStore.headPosition()) === 0) throw new Error('The store is empty.')
  return elapsedMs
}

async function subscribe(): Promise<void> {
  await using eventStore = new SqliteEventStore({ path: store })
  const head = await eventStore.headPosition()
  let count = 0
  for await (const { events, position } of eventStore.subscribe('events.>')) {
    count += events.length
    if (position >= head) break
  }
  if (count !== head) throw new Error(`${count} of ${head} events came.`)
}
