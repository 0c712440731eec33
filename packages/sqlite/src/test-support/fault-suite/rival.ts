/**
 * Runs one processor on a view store that another process runs too, until everything is done. Says when it has claimed the
 * processor, has saved a step, and was refused; and when it is done.
 * Arguments: the folder, and the {@link Rival} as JSON.
 */

import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { hasErrorCode, ProcessorRunner, ProjectionProcessor, ReactionProcessor, type ViewStore } from '@cim/core'
import { SqliteViewStore } from '../../sqlite-view-store.ts'
import { FaultPoints } from './fault-points.ts'
import { ledgerOf, lettersOf, watcherOf } from './ledger.ts'
import { openRivalEvents, type Rival } from './taking-over.ts'

const [folder = '', json = ''] = process.argv.slice(2)
const { seed, processor: processorName, fault } = JSON.parse(json) as Rival
const points = new FaultPoints(fault)
const say = (line: string): void => {
  writeSync(1, `${line}\n`)
}
const eventStore = points.eventStore(await openRivalEvents(seed))
const viewStore = telling(points.viewStore(new SqliteViewStore({ path: join(folder, 'views.db') })))
const handlerTimeoutMs = 10_000
const circumstances = {
  isMended: false,
  handlerTimeoutMs,
  effectsPath: join(folder, 'effects.jsonl'),
  reach: (point: string) => points.reach(point),
}
const runner = new ProcessorRunner({
  eventStore,
  processor: createProcessor(),
  batchSize: 5,
  eventsPerCheckpoint: 5,
  failures: { maxAttempts: 1000, retryDelay: { firstMs: 1, mostMs: 5 } },
  leaseMs: 700,
})
await runner.start()
say('started')
for (;;) {
  await runner.drain()
  const seen = viewStore.committed.count
  const name = runner.processor.processorName
  const { retryingSequences, parkedSequences } = await viewStore.progressStore.countDeadLetters(name)
  if (retryingSequences + parkedSequences === 0) break
  await viewStore.committed.wait(seen, { timeoutMs: 50 })
}
say('done')
// The first owner ends by itself; the other one keeps what it has until it is killed.
if (fault === undefined) await new Promise(() => setInterval(() => undefined, 60_000))
await runner.stop()
await viewStore.close()

function createProcessor(): ProjectionProcessor | ReactionProcessor {
  switch (processorName) {
    case 'LedgerView':
      return new ProjectionProcessor(ledgerOf(circumstances), viewStore)
    case 'WatcherView':
      return new ProjectionProcessor(watcherOf(circumstances), viewStore, { concurrency: 4, handlerTimeoutMs })
    case 'Letters':
      return new ReactionProcessor(lettersOf(circumstances), viewStore.progressStore, {
        concurrency: 4,
        handlerTimeoutMs,
      })
  }
}

/** Says what comes of claims, signs of life and saves. */
function telling(store: ViewStore): ViewStore {
  const tell = <TTarget extends object>(target: TTarget, instead: Partial<TTarget>): TTarget =>
    new Proxy(target, {
      get: (_, name) => {
        if (name in instead) return instead[name as keyof TTarget]
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function' || !/^(commit|saveProgress|renewClaim|claimProcessor)$/.test(String(name))) {
          return value
        }
        return async (...args: unknown[]): Promise<unknown> => {
          try {
            const result: unknown = await value.apply(target, args)
            if (result !== undefined && name === 'claimProcessor') say('claimed')
            if (name === 'commit' || name === 'saveProgress') say('saved')
            return result
          } catch (error) {
            say(hasErrorCode(error, 'stale-owner') ? 'refused' : `failed ${String(error)}`)
            throw error
          }
        }
      },
    })
  return tell(store, { progressStore: tell(store.progressStore, {}) })
}
