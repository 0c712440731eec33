/** Processes with one saga on a real server, killed or paused in the middle of it. */

import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Application, MemoryViewStore } from '@cim/core'
import { JetStreamEventStore } from './jetstream-event-store.ts'
import { startNatsServer } from './test-support/nats-server.ts'
import type { SagaProcessOptions } from './test-support/saga-process.ts'
import { until } from './test-support/sample-stream.ts'
import { aggregates, assertTripsWhole, endEvents, planTrip } from './test-support/sample-trips.ts'
import { ownBucket, ownStream } from './test-support/test-stores.ts'

/** Owners killed, and owners paused: `CIM_KILLS=100` runs a long one. */
const kills = Number(process.env.CIM_KILLS ?? 2)
const tripsPerRound = 25
const leaseMs = 600

const server = await startNatsServer()
const folder = mkdtempSync(join(tmpdir(), 'cim-trips-'))
after(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

/** A process that books trips, and what it has said. */
interface Booker {
  readonly name: string
  readonly child: ChildProcess
  readonly lines: string[]
  readonly isOwner: () => boolean
}

/** Bookers of the same trips, and who plans them. */
async function openTrips(name: string) {
  const own = ownStream({ servers: server.url })
  const { streamName = '', subjectPrefix = '' } = own
  const { bucket = '' } = ownBucket({})
  const eventStore = await JetStreamEventStore.open(own)
  const planner = new Application({ eventStore, viewStore: new MemoryViewStore(), aggregates })
  const bookers = new Set<Booker>()
  let [planned, ended] = [0, 0]
  const ending = new AbortController()
  const counting = (async () => {
    for await (const { events } of eventStore.subscribe(endEvents, { signal: ending.signal })) ended += events.length
  })()
  const start = (suffix: string): Booker => {
    const options: SagaProcessOptions = {
      ...{ servers: server.url, streamName, subjectPrefix, bucket, folder, leaseMs },
      name: `${name}-${suffix}`,
    }
    const program = join(import.meta.dirname, 'test-support/saga-process.ts')
    const child = fork(program, [JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
    const lines: string[] = []
    child.stdout?.setEncoding('utf8').on('data', (text: string) => lines.push(...text.trim().split('\n')))
    const isOwner = () => lines.findLast((line) => line !== 'refused') === 'running'
    const booker = { name: suffix, child, lines, isOwner }
    bookers.add(booker)
    return booker
  }
  const kill = async (booker: Booker): Promise<void> => {
    bookers.delete(booker)
    const exit = once(booker.child, 'exit')
    booker.child.kill('SIGKILL')
    await exit
  }
  const plan = async (count: number): Promise<void> => {
    const indexes = Array.from({ length: count }, () => planned++)
    for (const index of indexes) {
      const { status } = await planner.dispatch(planTrip(index))
      assert.equal(status, 'Accepted')
    }
  }
  const close = async (): Promise<void> => {
    for (const booker of bookers) await kill(booker)
    ending.abort()
    await counting.catch(() => undefined)
    await eventStore.close()
  }
  return {
    ...{ eventStore, start, kill, plan },
    planned: () => planned,
    untilOwned: (among: readonly Booker[]) =>
      until('one of them has the saga', () => among.some((one) => one.isOwner())),
    untilEnded: (count: number) => until(`${count} trips have ended`, () => ended >= count),
    [Symbol.asyncDispose]: close,
  }
}

test('when the owner of a saga is killed in the middle, another process ends what it began, and nothing is done twice', {
  timeout: 60_000 + 30_000 * kills,
}, async () => {
  await using trips = await openTrips('killed')
  let bookers = [trips.start('a'), trips.start('b')]
  for (let round = 0; round < kills; round++) {
    await trips.untilOwned(bookers)
    const owner = bookers.find((one) => one.isOwner()) ?? assert.fail('Nobody has the saga.')
    const planning = trips.plan(tripsPerRound)
    await trips.untilEnded(round * tripsPerRound + 3 + round)
    await trips.kill(owner)
    const others = bookers.filter((one) => one !== owner)
    await trips.untilOwned(others)
    await planning
    await trips.untilEnded(trips.planned())
    bookers = [...others, trips.start(owner.name)]
  }
  await assertTripsWhole(trips.eventStore, kills * tripsPerRound)
})

test('an owner that is paused beyond its lease is refused when it goes on, and nothing is done twice', {
  timeout: 60_000 + 30_000 * kills,
}, async () => {
  await using trips = await openTrips('paused')
  const bookers = [trips.start('a'), trips.start('b')]
  for (let round = 0; round < kills; round++) {
    await trips.untilOwned(bookers)
    const owner = bookers.find((one) => one.isOwner()) ?? assert.fail('Nobody has the saga.')
    const other = bookers.find((one) => one !== owner) ?? assert.fail('There is no other.')
    const planning = trips.plan(tripsPerRound)
    await trips.untilEnded(round * tripsPerRound + 3 + round)
    const refusals = owner.lines.filter((line) => line === 'refused').length
    owner.child.kill('SIGSTOP')
    await trips.untilOwned([other])
    await planning
    await trips.untilEnded((round + 1) * tripsPerRound)
    owner.child.kill('SIGCONT')
    await until('its late step was refused', () => owner.lines.filter((line) => line === 'refused').length > refusals)
    await until('it waits for the other', () => !owner.isOwner())
  }
  await assertTripsWhole(trips.eventStore, kills * tripsPerRound)
})
