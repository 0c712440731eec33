/** One run of processors in virtual time, with faults that a seed decides. */

import assert from 'node:assert/strict'
import { MemoryEventStore, MemoryViewStore, ProcessorRunner, ProjectionProcessor, viewKey } from '@cim/core'
import { Connection, type Weather } from './connection.ts'
import { assertStatuses, assertViews, watchCommits } from './expectations.ts'
import {
  type AppliedView,
  behaviours,
  type Happening,
  type Surroundings,
  unrulyProjection,
} from './unruly-projection.ts'
import { Chance, VirtualTime } from './virtual-time.ts'

/** A runner with its way to the stores. */
interface Node {
  readonly runner: ProcessorRunner
  readonly connection: Connection
}

const aggregateIds = ['a', 'b', 'c', 'd', 'e'] as const

/**
 * @param seed decides everything that happens
 * @throws {AssertionError} when something is lost, doubled, out of order, or never settles
 */
export async function simulate(seed: number): Promise<void> {
  const time = new VirtualTime()
  await time.run(new Simulation(seed, time).run())
}

class Simulation {
  readonly #time: VirtualTime
  readonly #chance: Chance
  readonly #weather: Weather & Surroundings
  readonly #eventStore: MemoryEventStore
  readonly #viewStore = new MemoryViewStore()
  readonly #projection: ReturnType<typeof unrulyProjection>
  readonly #nodes: Node[] = []
  readonly #howProcessed: {
    readonly concurrency: number
    readonly batchSize: number
    readonly eventsPerCheckpoint: number
    readonly maxAttempts: number
    readonly mostHeldSequences: number
    readonly leaseMs: number
  }

  constructor(seed: number, time: VirtualTime) {
    const chance = new Chance(seed)
    this.#time = time
    this.#chance = chance
    const faultRate = chance.oneOf([0, 0.02, 0.05, 0.1])
    this.#weather = { time, chance, faultRate, handlerTimeoutMs: 300, isMended: false }
    this.#eventStore = new MemoryEventStore({ now: time.now })
    this.#projection = unrulyProjection(this.#weather)
    this.#howProcessed = {
      concurrency: chance.oneOf([1, 1, 2, 4]),
      batchSize: chance.between(1, 8),
      eventsPerCheckpoint: chance.between(1, 20),
      maxAttempts: chance.between(1, 3),
      mostHeldSequences: chance.oneOf([2, 10, 10, 10]),
      // The shorter one is over before a handler is given up.
      leaseMs: chance.oneOf([1000, 1000, 200]),
    }
  }

  async run(): Promise<void> {
    const { progressStore } = this.#viewStore
    let mistake: { readonly error: unknown } | undefined
    watchCommits(this.#viewStore, this.#eventStore, (error) => {
      mistake ??= { error }
    })
    const horizonMs = this.#chance.between(500, 4000)
    const work = [this.#append(horizonMs), this.#disturb(horizonMs)]
    for (const index of [0, 1]) this.#replace(index)
    await Promise.all(work)
    // From here on the stores are well: events that cannot be processed must not keep the others back.
    this.#weather.faultRate = 0
    const processorName = viewKey(this.#projection)
    await progressStore.setPaused(processorName, false)
    const isThere = async () =>
      (await progressStore.readProgress(processorName))?.position === (await this.#eventStore.headPosition())
    // What was late has come by then.
    await this.#time.sleep(4000)
    if (this.#howProcessed.mostHeldSequences >= aggregateIds.length) {
      await this.#until(isThere)
      await assertViews(this.#viewStore, this.#projection, this.#eventStore)
    }
    await this.#pause()
    // And from here on the handlers too: nothing must be left behind.
    this.#weather.isMended = true
    await this.#until(async () => {
      await progressStore.retryDeadLetters(processorName, {}, this.#time.now())
      const { events } = await progressStore.countDeadLetters(processorName)
      const states = this.#nodes.map(({ runner }) => runner.status.state).sort()
      return events === 0 && (await isThere()) && states.join() === 'running,waiting'
    })
    await this.#time.sleep(1000)
    if (mistake !== undefined) throw mistake.error
    await assertViews(this.#viewStore, this.#projection, this.#eventStore)
    assertStatuses(
      this.#nodes.map(({ runner }) => runner.status),
      await this.#eventStore.headPosition(),
    )
    await this.#steer()
    await Promise.all(this.#nodes.map(({ runner }) => runner.stop()))
  }

  /** Nothing is processed while the processor is paused. */
  async #pause(): Promise<void> {
    const { progressStore } = this.#viewStore
    const processorName = viewKey(this.#projection)
    await progressStore.setPaused(processorName, true)
    await this.#time.sleep(1000)
    const before = await progressStore.readProgress(processorName)
    const eventData: Happening = { behaviour: 'plain', failures: 0 }
    const aggregate = { aggregateType: 'Thing', aggregateId: 'late' }
    await this.#eventStore.appendEvents(aggregate, [{ eventType: 'Happened', eventData }], { expectedVersion: 'any' })
    await this.#time.sleep(1000)
    assert.equal((await progressStore.readProgress(processorName))?.position, before?.position, 'it is paused')
    await progressStore.setPaused(processorName, false)
  }

  /** Runners that have nothing to do follow at once: a wake-up is heard, and what is given back is taken over. */
  async #steer(): Promise<void> {
    const { progressStore } = this.#viewStore
    for (const [isPaused, states] of [
      [true, ['paused', 'paused']],
      [false, ['running', 'waiting']],
    ] as const) {
      await progressStore.setPaused(viewKey(this.#projection), isPaused)
      for (const { runner } of this.#nodes) runner.wake()
      await this.#time.sleep(1)
      assert.deepEqual(this.#nodes.map(({ runner }) => runner.status.state).sort(), states, 'a wake-up is heard')
    }
    const [running, ...others] = [...this.#nodes].sort((one) => (one.runner.status.state === 'running' ? -1 : 1))
    await running?.runner.stop()
    await this.#time.sleep(this.#howProcessed.leaseMs / 3 + 1)
    assert.deepEqual(
      others.map(({ runner }) => runner.status.state),
      ['running'],
      'a processor that was given back is taken over',
    )
  }

  /** Waits for a minute at most: everything here takes seconds. */
  async #until(isSo: () => Promise<boolean>): Promise<void> {
    for (let round = 0; !(await isSo()); round++) {
      if (round > 60) {
        const statuses = this.#nodes.map(({ runner }) => JSON.stringify(runner.status))
        throw new Error(`It does not settle.\n${statuses.join('\n')}`)
      }
      await this.#time.sleep(1000)
    }
  }

  async #append(horizonMs: number): Promise<void> {
    const chance = this.#chance
    const failing = chance.oneOf([0, 0.1, 0.4])
    const appends = chance.between(5, 25)
    for (let count = 0; count < appends; count++) {
      if (!chance.is(0.4)) await this.#time.sleep(chance.between(0, (2 * horizonMs) / appends))
      const events = Array.from({ length: chance.between(1, 3) }, () => {
        const behaviour = chance.is(failing) ? chance.oneOf(behaviours) : 'plain'
        const eventData: Happening = { behaviour, failures: chance.oneOf([0, 1, 2, 3, 1_000_000]) }
        return { eventType: chance.is(0.1) ? 'Ignored' : 'Happened', eventData, schemaVersion: 1 }
      })
      const aggregate = { aggregateType: 'Thing', aggregateId: chance.oneOf(aggregateIds) }
      await this.#eventStore.appendEvents(aggregate, events, { expectedVersion: 'any' })
    }
  }

  async #disturb(horizonMs: number): Promise<void> {
    const until = this.#time.now() + horizonMs
    const pauseMs = this.#chance.oneOf([50, 200, 1000])
    for (;;) {
      await this.#time.sleep(this.#chance.between(1, pauseMs))
      if (this.#time.now() >= until) return
      await this.#disturbOnce()
    }
  }

  async #disturbOnce(): Promise<void> {
    const chance = this.#chance
    const index = chance.between(0, 1)
    const node = this.#nodes[index]
    const processorName = viewKey(this.#projection)
    const { progressStore } = this.#viewStore
    const aggregate = chance.is(0.5) ? { aggregateId: chance.oneOf(aggregateIds) } : {}
    const now = this.#time.now()
    switch (chance.between(0, 9)) {
      case 0:
        return this.#replace(index)
      case 1:
        node?.connection.crash()
        return this.#replace(index)
      case 2:
        return node?.connection.freeze(chance.between(1, 3000))
      case 3:
        if (node !== undefined) void node.runner.stop().then(() => this.#start(index, node.runner))
        return
      case 4:
      case 5:
        await progressStore.retryDeadLetters(processorName, aggregate, now)
        return node?.runner.wake()
      case 6:
      case 7: {
        const isFirstOnly = chance.is(0.5)
        const filter = chance.is(0.5) ? { ...aggregate, state: 'parked' as const } : aggregate
        await progressStore.discardDeadLetters(processorName, filter, { reason: 'it is wrong', isFirstOnly, now })
        return
      }
      case 8:
        await progressStore.setPaused(processorName, true)
        if (chance.is(0.5)) node?.runner.wake()
        await this.#time.sleep(chance.between(1, 1000))
        await progressStore.setPaused(processorName, false)
        return
      default:
        return node?.runner.wake()
    }
  }

  /** Leaves a runner behind, as it is, and begins with a new one. */
  #replace(index: number): void {
    const connection = new Connection(this.#weather)
    const skewMs = this.#chance.between(-40, 40)
    const clock = { now: () => this.#time.now() + skewMs, schedule: this.#time.schedule }
    const { concurrency, maxAttempts, ...sizes } = this.#howProcessed
    const { handlerTimeoutMs } = this.#weather
    const viewStore = connection.viewStore(this.#viewStore)
    const processor = new ProjectionProcessor<AppliedView>(this.#projection, viewStore, {
      concurrency,
      handlerTimeoutMs,
      clock,
    })
    const runner = new ProcessorRunner({
      ...sizes,
      eventStore: connection.eventStore(this.#eventStore),
      processor,
      failures: { maxAttempts, retryDelay: { firstMs: 10, mostMs: 100 } },
      random: this.#chance.next,
      clock,
      nextTurn: () => this.#time.sleep(0),
    })
    const before = this.#nodes[index]
    this.#nodes[index] = { runner, connection }
    if (before !== undefined && this.#chance.is(0.5)) void before.runner.stop()
    else before?.connection.crash()
    this.#start(index, runner)
  }

  /** Tries until it is started, or another one has taken its place. */
  #start(index: number, runner: ProcessorRunner): void {
    const isPresent = (): boolean => this.#nodes[index]?.runner === runner
    const work = async (): Promise<void> => {
      while (isPresent() && !(await starts(runner))) await this.#time.sleep(20)
      if (!isPresent()) await runner.stop()
    }
    void work()
  }
}

async function starts(runner: ProcessorRunner): Promise<boolean> {
  try {
    await runner.start()
    return true
  } catch {
    return false
  }
}
