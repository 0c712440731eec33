/**
 * Eight handlers at once over files, which fail in every way, while operators retry, discard and pause: the view is what
 * its events say, in the order of each aggregate, each once. CIM_SEED repeats a run, but not how its handlers
 * interleave; CIM_WORLDS makes it longer.
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  Application,
  type DomainEventEnvelope,
  defineProjection,
  type ProjectionDefinition,
  type Schema,
  type ViewStore,
} from '@cim/core'
import { SqliteEventStore } from './sqlite-event-store.ts'
import { SqliteViewStore } from './sqlite-view-store.ts'
import { seededRandom } from './test-support/seeded-random.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

const seed = Number(process.env.CIM_SEED ?? Date.now() % 1_000_000)
const worlds = Number(process.env.CIM_WORLDS ?? 3)
const accounts = Array.from({ length: 25 }, (_, index) => `a-${index}`)
const eventsPerWorld = 300
const concurrency = 8
const processorName = 'Ledger@1'

type Ledger = { readonly count: number; readonly sum: number; readonly numbers?: readonly number[] }
/** What is wrong with an event, and how it shows. */
type Fault = 'none' | 'passing' | 'poison'
type Deposit = { readonly number: number; readonly fault: Fault; readonly how: number; readonly pauseMs: number }

const anything = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } } as const

/** What one world knows of its handlers. */
class World {
  isMended = false
  mostAtOnce = 0
  readonly problems: string[] = []
  #atOnce = 0
  readonly #busy = new Set<string>()
  readonly #attempts = new Map<number, number>()

  readonly projection = defineProjection('Ledger', {
    from: [{ aggregateType: 'Account', events: { Deposited: anything as Schema<Deposit> }, upcasters: {} }],
    schema: anything as Schema<Ledger>,
    on: {
      Deposited: async ({ aggregateId, data }, views) => {
        // To throw here would only make the event fail.
        if (this.#busy.has(aggregateId)) this.problems.push(`two handlers of ${aggregateId} at once`)
        this.#busy.add(aggregateId)
        this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce)
        try {
          const view = await views.get(aggregateId)
          if (data.pauseMs > 0) await sleep(data.pauseMs)
          const isBad = this.#isBad(data)
          if (isBad && data.how === 0) throw new RangeError(`${data.number} before any change`)
          views.set(aggregateId, plus(view, data, [...(view?.numbers ?? []), data.number]))
          if (isBad && data.how === 1) throw new RangeError(`${data.number} after a change`)
          views.update('all', (all) => {
            if (isBad && data.how === 2) throw new RangeError(`${data.number} within a change`)
            return plus(all, data)
          })
          if (data.pauseMs === 2) await sleep(1)
          if (isBad) throw new RangeError(`${data.number} after all changes`)
        } finally {
          this.#busy.delete(aggregateId)
          this.#atOnce--
        }
      },
    },
  })

  #isBad({ number, fault }: Deposit): boolean {
    const attempt = (this.#attempts.get(number) ?? 0) + 1
    this.#attempts.set(number, attempt)
    return !this.isMended && (fault === 'poison' || (fault === 'passing' && attempt % 3 !== 0))
  }
}

function plus(view: Ledger | undefined, { number }: Deposit, numbers?: readonly number[]): Ledger {
  const { count = 0, sum = 0 } = view ?? {}
  return { count: count + 1, sum: sum + number, ...(numbers === undefined ? undefined : { numbers }) }
}

/** A view store of which some commits fail, before they are made or when they are. */
function unreliable(viewStore: SqliteViewStore, next: (below: number) => number): SqliteViewStore {
  const commit: ViewStore['commit'] = async (view, changes) => {
    const fate = next(20)
    if (fate === 0) throw new Error('The disk is away.')
    await viewStore.commit(view, changes)
    if (fate === 1) throw new Error('The answer was lost.')
  }
  return new Proxy(viewStore, {
    get(target, name) {
      if (name === 'commit') return commit
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

async function open(folder: string, world: World, next: (below: number) => number) {
  const eventStore = new SqliteEventStore({ path: join(folder, 'events.db') })
  const viewStore = new SqliteViewStore({ path: join(folder, 'views.db') })
  const application = new Application({
    eventStore,
    viewStore: unreliable(viewStore, next),
    aggregates: [],
    projections: [world.projection as ProjectionDefinition],
    processors: {
      concurrency,
      batchSize: 40,
      eventsPerCheckpoint: 60,
      failures: { maxAttempts: 2, retryDelay: { firstMs: 1, mostMs: 5 } },
    },
  })
  await application.start()
  return { eventStore, viewStore, application }
}

type Opened = Awaited<ReturnType<typeof open>>

async function append({ eventStore }: Opened, next: (below: number) => number): Promise<void> {
  for (let number = 1; number <= eventsPerWorld; ) {
    const eventData = (): Deposit => {
      const kind = next(100)
      const fault = kind < 4 ? 'poison' : kind < 15 ? 'passing' : 'none'
      return { number: number++, fault, how: next(4), pauseMs: next(12) < 9 ? 0 : next(3) }
    }
    const aggregate = { aggregateType: 'Account', aggregateId: accounts[next(accounts.length)] ?? '' }
    const events = Array.from({ length: 1 + next(6) }, () => ({ eventType: 'Deposited', eventData: eventData() }))
    await eventStore.appendEvents(aggregate, events, { expectedVersion: 'any' })
    if (next(10) === 0) await sleep(next(4))
  }
}

/** Does what an operator may, in any order, until it is told to stop. */
async function operate({ application }: Opened, next: (below: number) => number, isOver: () => boolean): Promise<void> {
  const { processing } = application
  const { deadLetters } = processing
  while (!isOver()) {
    await sleep(next(20))
    const aggregate = { aggregateType: 'Account', aggregateId: accounts[next(accounts.length)] ?? '' }
    const request = { reason: 'It is wrong.', isFirstOnly: next(3) > 0 }
    const choice = next(16)
    if (choice < 5) await deadLetters.retry(processorName, aggregate)
    else if (choice < 7) await deadLetters.retry(processorName)
    else if (choice < 9) await deadLetters.retry(processorName, { state: 'parked' })
    else if (choice < 11) await deadLetters.discard(processorName, aggregate, request)
    else if (choice === 11) await deadLetters.discard(processorName, { ...aggregate, state: 'parked' }, request)
    else if (choice === 12) await processing.pause(processorName)
    else await processing.resume(processorName)
  }
}

/** Mends what is wrong, and waits until nothing is held back. */
async function settle({ application, viewStore }: Opened, world: World): Promise<void> {
  const { processing } = application
  world.isMended = true
  await processing.resume(processorName)
  for (;;) {
    await processing.drain(processorName)
    const seen = viewStore.committed.count
    const { events, parkedSequences } = await viewStore.progressStore.countDeadLetters(processorName)
    if (events === 0) return
    if (parkedSequences > 0) await processing.deadLetters.retry(processorName, { state: 'parked' })
    await viewStore.committed.wait(seen, { timeoutMs: 1000 })
  }
}

/** What the events say, but for those that were given up. */
async function model({ eventStore, application }: Opened): Promise<ReadonlyMap<string, Ledger>> {
  const discarded = await application.processing.deadLetters.discarded(processorName, 1000)
  const isDiscarded = ({ aggregateId, sequence }: DomainEventEnvelope): boolean =>
    discarded.some(
      (one) => one.aggregateId === aggregateId && one.fromSequence <= sequence && sequence <= one.toSequence,
    )
  const views = new Map<string, Ledger>()
  let position = 0
  for (let isEnd = false; !isEnd; ) {
    const page = await eventStore.readEvents({ afterPosition: position, limit: 1000 })
    for (const event of page.events) {
      if (isDiscarded(event)) continue
      const data = event.eventData as Deposit
      const view = views.get(event.aggregateId)
      views.set(event.aggregateId, plus(view, data, [...(view?.numbers ?? []), data.number]))
      views.set('all', plus(views.get('all'), data))
    }
    position = page.position
    isEnd = page.isEnd
  }
  return views
}

async function live(folder: string, worldSeed: number) {
  const world = new World()
  const opened = await open(folder, world, seededRandom(worldSeed))
  let isOver = false
  const operators = [1, 2].map((one) => operate(opened, seededRandom(worldSeed + one * 1000), () => isOver))
  await append(opened, seededRandom(worldSeed + 3000))
  // Until everything was tried while something was wrong with it.
  const head = await opened.eventStore.headPosition()
  while ((await opened.application.processing.show(processorName)).status.position < head) await sleep(5)
  isOver = true
  await Promise.all(operators)
  await settle(opened, world)
  const expected = await model(opened)
  const actual = await opened.viewStore.getMany(world.projection, [...expected.keys(), ...accounts])
  const { verdict, discardedEvents } = await opened.application.processing.audit(processorName)
  await opened.application.stop()
  await opened.viewStore.close()
  await opened.eventStore.close()
  return { expected, actual, verdict, discardedEvents, world }
}

test('eight handlers at once that fail while operators retry and discard leave what the events say', {
  timeout: 120_000,
}, async (context: TestContext) => {
  context.diagnostic(`seed ${seed}: repeat with CIM_SEED=${seed}`)
  let discarded = 0
  let mostAtOnce = 0
  for (let number = 0; number < worlds; number++) {
    const found = await live(temporaryFolder(context), seed + number)
    const sorted = (views: ReadonlyMap<string, unknown>) => [...views].sort(([one], [other]) => (one < other ? -1 : 1))
    assert.deepEqual(sorted(found.actual), sorted(found.expected), `CIM_SEED=${seed}, world ${number}`)
    assert.deepEqual(found.world.problems, [])
    assert.equal(found.verdict, 'complete', `CIM_SEED=${seed}, world ${number}`)
    discarded += found.discardedEvents
    mostAtOnce = Math.max(mostAtOnce, found.world.mostAtOnce)
  }
  assert.ok(discarded > 0, 'nothing was discarded')
  assert.ok(mostAtOnce > 1 && mostAtOnce <= concurrency, `${mostAtOnce} handlers at once`)
  context.diagnostic(`${discarded} events discarded, up to ${mostAtOnce} handlers at once`)
})
