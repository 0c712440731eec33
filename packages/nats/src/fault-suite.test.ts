/**
 * Three servers that are killed, paused, wiped and cut off while processes append and load: what was acknowledged is stored
 * once, and one order of all operations explains what everybody saw. CIM_FAULTS says how many faults, CIM_SEED repeats a plan.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EventStore } from '@cim/core'
import { JetStreamEventStore } from './jetstream-event-store.ts'
import type { JetStreamEventStoreOptions } from './jetstream-options.ts'
import { BusyProcesses } from './test-support/fault-suite/busy-processes.ts'
import { inject, planFaults } from './test-support/fault-suite/faults.ts'
import { FaultyCluster } from './test-support/fault-suite/faulty-cluster.ts'
import type { BusyOptions } from './test-support/fault-suite/told.ts'
import { type SeenEvent, seen, Witness } from './test-support/fault-suite/witness.ts'
import { allEvents } from './test-support/sample-events.ts'
import { ownStream } from './test-support/test-stores.ts'

const faults = Number(process.env.CIM_FAULTS ?? 8)
const isLong = faults > 20
const seed = Number(process.env.CIM_SEED ?? Date.now() % 1_000_000)
/** A client that does not find ways around what cuts it off. */
const alone = { connect: { ignoreClusterUpdates: true } }
/** Without any progress for so long, something hangs. */
const longestStandstillMs = 60_000

test('what processes append under faults is stored once, and one order explains what they saw', {
  timeout: 120_000 + 30_000 * faults,
}, async (context) => {
  const isSynced = seed % 2 === 0
  context.diagnostic(`seed ${seed}: repeat with CIM_SEED=${seed} CIM_FAULTS=${faults}${isSynced ? '; synced' : ''}`)
  await using cluster = await FaultyCluster.start({ isSynced })
  const own = ownStream({ servers: cluster.directUrls })
  const { streamName = '' } = own
  await using store = await JetStreamEventStore.open(own)
  await using cut = await JetStreamEventStore.open({ ...own, ...alone, servers: cluster.urls })
  const followers = [follow(store), follow(cut)]
  const witness = new Witness()
  using processes = new BusyProcesses(busyOptions(cluster, own), (told) => witness.hear(told))
  const progress = async (appends: number): Promise<void> => {
    const wanted = witness.acknowledged + appends
    for (const end = performance.now() + longestStandstillMs; witness.acknowledged < wanted; await sleep(10)) {
      assert.equal(processes.ended, 0, 'no process ends by itself')
      assert.deepEqual(
        followers.map(({ failure }) => failure),
        [undefined, undefined],
      )
      assert.ok(performance.now() < end, `${witness.acknowledged} of ${wanted} appends after ${longestStandstillMs} ms`)
    }
  }

  await progress(30)
  const done: Record<string, number> = {}
  for (const fault of planFaults(seed, faults, isLong ? 12_000 : 6000)) {
    const began = Number(process.hrtime.bigint()) / 1e6
    const server = await inject(fault, { cluster, streamName, progress })
    done[fault.kind] = (done[fault.kind] ?? 0) + 1
    const took = Number(process.hrtime.bigint()) / 1e6 - began
    if (isLong) context.diagnostic(`${fault.kind} ${server} at ${Math.round(began)} for ${Math.round(took)} ms`)
  }
  await progress(30)
  assert.deepEqual(await processes.stop(), [0, 0, 0, 0])
  await cluster.whenCurrent(streamName)

  await using fresh = await JetStreamEventStore.open(own)
  const log = await witness.checkStored(fresh)
  for (const servers of cluster.directUrls) {
    await using local = await JetStreamEventStore.open({ ...own, ...alone, servers })
    assert.deepEqual((await allEvents(local)).map(seen), log, `${servers} has the same events`)
  }
  for (const follower of followers)
    assert.deepEqual(await follower.stop(log.length), log, 'a subscriber saw the log once')
  const violations = await witness.checkHistory(fresh)
  context.diagnostic(`${JSON.stringify(done)}, ${cluster.cuts} cuts of connections; ${JSON.stringify(witness.tally)}`)
  const found = violations.map(({ kind, message }) => `${kind}: ${message}`)
  assert.deepEqual(found, [])
})

/** Four processes, of which two give up early, and so do not know what became of an append. */
function busyOptions({ urls }: FaultyCluster, own: JetStreamEventStoreOptions): readonly BusyOptions[] {
  const { streamName = '', subjectPrefix = '' } = own
  return ['a', 'b', 'c', 'd'].map((name, index): BusyOptions => {
    const [giveUpAfterMs, requestTimeoutMs] = index % 2 === 0 ? [30_000, 2000] : [1500, 500]
    const patience = { giveUpAfterMs, requestTimeoutMs }
    return {
      servers: urls,
      streamName,
      subjectPrefix,
      name,
      seed: seed + index,
      shared: 3,
      mostEvents: 60,
      ...patience,
    }
  })
}

/** Follows all events from the first on. */
function follow(store: EventStore) {
  const events: SeenEvent[] = []
  const stop = new AbortController()
  const following = (async () => {
    for await (const batch of store.subscribe('events.>', { signal: stop.signal }))
      events.push(...batch.events.map(seen))
  })()
  let failure: unknown
  following.catch((error) => {
    failure = error
  })
  return {
    /** Why it does not follow any more. */
    get failure() {
      return failure
    },
    /** @returns what it saw, when that is so many or nothing more comes */
    async stop(count: number): Promise<readonly SeenEvent[]> {
      for (let waited = 0; events.length < count && waited < longestStandstillMs; waited += 10) await sleep(10)
      await sleep(100)
      stop.abort()
      await following
      return events
    },
  }
}
