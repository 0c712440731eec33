import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Application } from '../application/application.ts'
import type { ApplicationOptions } from '../application/application-options.ts'
import type { ValidationError } from '../errors/input-errors.ts'
import type { HistoricalViewError } from '../errors/time-travel-errors.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import type { PastMoment } from '../read-side/past-views.ts'
import { defineProjection, type ProjectionDefinition } from '../read-side/projection.ts'
import { defineQuery, type Query, type QueryDefinition } from '../read-side/query.ts'
import { type BalanceView, balances } from '../read-side/sample-balances.test.ts'
import {
  a1,
  account,
  accountDefinition,
  appendDeposits,
  errorOf,
  settle,
  shape,
  withHooks,
} from '../sample-account.test.ts'
import { ViewsAt, type ViewsAtOptions } from './views-at.ts'

type ById = { readonly id: string }
type Told = BalanceView & { readonly now: string }

const getBalance = defineQuery('GetBalance', {
  parameters: shape<ById>({ id: 'string' }),
  result: shape<Told>({ owner: 'string', balance: 'number', now: 'string' }),
  handle: async ({ id }, read, { now }) => {
    const view = await read(balances).get(id)
    return view === undefined ? undefined : { ...view, now }
  },
})

/** Is never read by the query: it must not be built. */
const others = defineProjection('Others', {
  from: [account],
  schema: shape<BalanceView>({ owner: 'string', balance: 'number' }),
  on: { Withdrawn: () => undefined },
})

const day = 86_400_000
const start = Date.UTC(2026, 0, 1)
const iso = (time: number): string => new Date(time).toISOString()

/** An account with 1 at position 1, 11 at 2, 111 at 3, and so on: one event a day. */
async function open(options: Partial<ApplicationOptions> & { readonly events?: number } = {}) {
  const { events = 5, ...rest } = options
  let time = start
  const memory = new MemoryEventStore({ now: () => time })
  for (let event = 0; event < events; event++) {
    await appendDeposits(memory, a1, 10 ** event)
    time += day
  }
  const reads: { readonly patterns: string | readonly string[]; readonly after: number | undefined }[] = []
  const eventStore = withHooks<EventStore>(memory, {
    subscribe: (patterns, how) => {
      reads.push({ patterns, after: how?.afterPosition })
      return memory.subscribe(patterns, how)
    },
  })
  const application = new Application({
    eventStore,
    viewStore: new MemoryViewStore(),
    aggregates: [accountDefinition],
    projections: [balances, others] as readonly unknown[] as readonly ProjectionDefinition[],
    queries: [getBalance as QueryDefinition],
    now: () => time,
    ...rest,
  })
  const at = async (asOf: PastMoment, signal?: AbortSignal) =>
    application.query(getBalance, { id: a1 }, { asOf, ...(signal === undefined ? undefined : { signal }) })
  return { application, eventStore, memory, reads, at, now: () => time }
}

const sums = [0, 1, 11, 111, 1111, 11111]

describe('a query as of the past', () => {
  test('is answered as it would have been at any position, whether or not views are kept', async () => {
    const { at } = await open()
    assert.equal(await at({ position: 0 }), undefined)
    for (const position of [3, 1, 5, 2, 4, 3, 3, 5]) {
      const time = iso(start + (position - 1) * day)
      assert.deepEqual(await at({ position }), { owner: '', balance: sums[position], now: time })
    }
  })

  test('is answered as it would have been at any time, the events of that very millisecond included', async () => {
    const { at } = await open()
    for (const [time, count] of [
      [start, 1],
      [start + 1, 1],
      [start + day - 1, 1],
      [start + day, 2],
      [start + 4 * day, 5],
      [start + 5 * day, 5],
    ] as const) {
      const timestamp = iso(time)
      assert.deepEqual(await at({ timestamp }), { owner: '', balance: sums[count], now: timestamp })
    }
    assert.equal(await at({ timestamp: iso(start - 1) }), undefined)
    const inZone = await at({ timestamp: '2026-01-02T01:00:00+01:00' })
    assert.deepEqual(inZone, { owner: '', balance: 11, now: '2026-01-02T00:00:00.000Z' })
  })

  test('comes as plain JSON too', async () => {
    const { application } = await open()
    const query: Query = JSON.parse('{"queryType":"GetBalance","parameters":{"id":"a-1"},"asOf":{"position":2}}')
    assert.deepEqual(await application.answer(query), { owner: '', balance: 11, now: iso(start + day) })
  })

  test('leaves the present alone, and needs no processor to run', async () => {
    const { application, at, eventStore } = await open()
    await application.start()
    const afterPosition = await eventStore.headPosition()
    const present = () => application.query(getBalance, { id: a1 }, { afterPosition, waitMs: 30_000 })
    assert.equal((await present())?.balance, 11111)
    assert.equal((await at({ position: 2 }))?.balance, 11)
    assert.equal((await present())?.balance, 11111)
    await application.stop()
    assert.equal((await at({ position: 4 }))?.balance, 1111)
  })

  test('replays only what is read, and only what comes after the nearest kept view', async () => {
    const { at, reads } = await open()
    for (const position of [2, 4, 4, 3, 1]) await at({ position })
    assert.deepEqual(
      reads.map(({ after }) => after),
      [0, 2, 2, 0],
    )
    for (const { patterns } of reads) assert.deepEqual(patterns, balances.subjectPatterns)
  })

  test('keeps no more views than it may', async () => {
    const few = await open({ pastViews: { mostKeptViews: 1 } })
    for (const position of [2, 4, 4, 2]) await few.at({ position })
    assert.deepEqual(
      few.reads.map(({ after }) => after),
      [0, 2, 0],
    )
    const small = await open({ pastViews: { mostKeptCharacters: 5 } })
    for (const position of [2, 2]) await small.at({ position })
    assert.deepEqual(
      small.reads.map(({ after }) => after),
      [0, 0],
    )
  })

  test('shares its replay with those that ask for the same moment meanwhile', async () => {
    const { at, reads } = await open()
    const answers = await Promise.all(Array.from({ length: 50 }, () => at({ position: 3 })))
    for (const answer of answers) assert.equal(answer?.balance, 111)
    assert.equal(reads.length, 1)
  })

  test('sees what was stored in many batches, small ones too', async () => {
    const { memory, at } = await open({ events: 0, pastViews: { batchSize: 7 } })
    for (let event = 0; event < 100; event++) await appendDeposits(memory, a1, 1)
    for (const position of [100, 50, 99, 1]) assert.equal((await at({ position }))?.balance, position)
  })

  test('does not see what is stored while it is being answered', async () => {
    const { memory, at } = await open()
    const answering = at({ timestamp: iso(start + 4 * day) })
    await appendDeposits(memory, a1, 5)
    assert.equal((await answering)?.balance, 11111)
    assert.equal((await at({ position: 6 }))?.balance, 11116)
  })

  test('names the event that its view cannot process, and answers as of the moments before it', async () => {
    const { memory, at } = await open()
    const poison = { eventType: 'Opened', eventData: null, schemaVersion: 7 }
    await memory.appendEvents({ aggregateType: 'Account', aggregateId: 'b' }, [poison], { expectedVersion: 0 })
    const error = (await errorOf(at({ position: 6 }), 'historical-view')) as HistoricalViewError
    const { view, eventType, aggregateType, aggregateId, sequence, position } = error
    assert.deepEqual(
      [view, eventType, aggregateType, aggregateId, sequence, position],
      ['BalanceView@1', 'Opened', 'Account', 'b', 1, 6],
    )
    assert.match(
      error.message,
      /^BalanceView@1 cannot be shown as it was: Opened at position 6 \(Account "b", sequence 1\)/,
    )
    assert.equal((await at({ position: 5 }))?.balance, 11111)
    await errorOf(at({ position: 6 }), 'historical-view')
  })

  test('cannot be asked at two moments, at an impossible one, or at one that is still to come', async () => {
    const { at, now } = await open()
    for (const [moment, message] of [
      [{}, /\/asOf: must have one of position and timestamp/],
      [{ position: 1, timestamp: iso(start) }, /\/asOf: must have one of position and timestamp/],
      [{ version: 1 }, /\/asOf\/version: is unknown/],
      [null, /\/asOf: must be an object/],
      [{ position: -1 }, /\/asOf\/position: must be a whole number from 0, got -1/],
      [{ position: 1.5 }, /\/asOf\/position: must be a whole number/],
      [{ position: '1' }, /\/asOf\/position: must be a whole number/],
      [{ position: 6 }, /\/asOf\/position: must not be beyond the newest event, which has position 5, got 6/],
      [{ timestamp: 5 }, /\/asOf\/timestamp: must be a string/],
      [{ timestamp: 'yesterday' }, /\/asOf\/timestamp: must be ISO-8601/],
      [{ timestamp: iso(now() + 1) }, /\/asOf\/timestamp: must not be in the future: now is 2026-01-06T00:00:00.000Z/],
      [{ timestamp: '9999-12-31T23:59:59.999Z' }, /must not be in the future/],
    ] as const) {
      const { message: actual } = (await errorOf(at(moment as PastMoment), 'validation')) as ValidationError
      assert.match(actual, message)
    }
    assert.equal(await at({ timestamp: '0000-01-01T00:00:00+14:00' }), undefined)
  })

  test('takes the time of an event for past, whatever the clock says', async () => {
    const { at } = await open({ now: () => start })
    assert.equal((await at({ timestamp: iso(start + 4 * day) }))?.balance, 11111)
    await errorOf(at({ timestamp: iso(start + 4 * day + 1) }), 'validation')
  })

  test('cannot wait for a position', async () => {
    const { application } = await open()
    for (const consistency of [{ afterPosition: 1 }, { waitMs: 1 }]) {
      const query = { ...getBalance.query({ id: a1 }), asOf: { position: 1 }, ...consistency }
      await errorOf(application.answer(query), 'invalid-option')
    }
  })
})

describe('a replay', () => {
  /** A store that gives no batch until it is told to. */
  async function slow(bounds: ViewsAtOptions = {}) {
    const { memory } = await open()
    const gate = Promise.withResolvers<void>()
    const begun: AbortSignal[] = []
    const eventStore = withHooks<EventStore>(memory, {
      subscribe: (patterns, how) => {
        if (how?.signal !== undefined) begun.push(how.signal)
        const batches = memory.subscribe(patterns, how)
        return (async function* () {
          await gate.promise
          yield* batches
        })()
      },
    })
    const views = new ViewsAt(eventStore, () => start, {}, bounds)
    const viewAt = async (position: number, signal?: AbortSignal) => {
      const { viewStore, view } = await views.viewAt(balances as ProjectionDefinition, position, signal)
      return ((await viewStore.getMany(view, [a1])).get(a1) as BalanceView | undefined)?.balance
    }
    return { viewAt, begun, go: gate.resolve }
  }

  test('goes on when one of those who wait for it gives up', async () => {
    const { viewAt, begun, go } = await slow()
    const impatient = new AbortController()
    const givenUp = viewAt(3, impatient.signal)
    const answer = viewAt(3)
    await settle()
    impatient.abort()
    await assert.rejects(givenUp, { name: 'AbortError' })
    go()
    assert.equal(await answer, 111)
    assert.deepEqual([begun.length, begun[0]?.aborted], [1, true])
  })

  test('ends when all of those who wait for it have given up, and begins anew for the next', async () => {
    const { viewAt, begun, go } = await slow()
    const impatient = new AbortController()
    const givenUp = [viewAt(3, impatient.signal), viewAt(3, impatient.signal)]
    await settle()
    assert.deepEqual(
      begun.map(({ aborted }) => aborted),
      [false],
    )
    impatient.abort()
    for (const answer of givenUp) await assert.rejects(answer, { name: 'AbortError' })
    assert.equal(begun[0]?.aborted, true)
    const next = viewAt(3)
    go()
    assert.equal(await next, 111)
    await assert.rejects(viewAt(2, AbortSignal.abort()), { name: 'AbortError' })
  })

  test('waits for its turn when enough of them are under way', async () => {
    const { viewAt, begun, go } = await slow({ mostReplays: 2 })
    const impatient = new AbortController()
    const answers = [1, 2, 3, 4].map((position) => viewAt(position))
    const givenUp = viewAt(5, impatient.signal)
    await settle()
    assert.equal(begun.length, 2)
    impatient.abort()
    await assert.rejects(givenUp, { name: 'AbortError' })
    go()
    assert.deepEqual(await Promise.all(answers), [1, 11, 111, 1111])
    assert.equal(begun.length, 4)
  })

  test('refuses bounds that are unknown or impossible', async () => {
    for (const bounds of [{ mostReplays: 0 }, { batchSize: 0 }, { mostKeptViews: -1 }, { kept: 5 }]) {
      await errorOf(slow(bounds as ViewsAtOptions), 'invalid-option')
    }
  })
})
