import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { Application } from '../application/application.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import { account, accountDefinition, errorOf, withHooks } from '../sample-account.test.ts'
import type { AggregateDefinition } from '../write-side/aggregate.ts'
import { defineSaga, type SagaDefinition } from './saga.ts'
import { deadline, step } from './saga-outcome.ts'
import { sampleApplication, sampleStores } from './sample-application.test.ts'
import { obstacles, order, plan, scripted } from './sample-script.test.ts'
import { transfer, transferSaga } from './sample-transfer.test.ts'

const timeout = 30_000
const failed = { code: 'enough', message: 'It is enough.' }

afterEach(() => obstacles.clear())

/** A bank with transfers, started. */
async function bank() {
  const application = new Application({
    eventStore: new MemoryEventStore(),
    viewStore: new MemoryViewStore(),
    aggregates: [accountDefinition, transfer as unknown as AggregateDefinition],
    sagas: [transferSaga as SagaDefinition],
  })
  await application.start()
  const deposit = (id: string, amount: number) =>
    application.dispatch(account.command('Deposit', { amount }, { aggregateId: account.id(id) }))
  const send = (id: string, from: string, to: string, amount: number) =>
    application.dispatch(
      transfer.command('OrderTransfer', { from, to, amount }, { aggregateId: transfer.id(id), correlationId: id }),
    )
  const balance = async (id: string) => {
    const { state } = await application.stateAt('Account', id)
    return (state as { readonly balance: number }).balance
  }
  const ended = async (sagaId: string) => {
    for (;;) {
      for (const name of application.processing.processorNames) await application.processing.drain(name)
      const view = await application.sagas.get('MoneyTransfer', sagaId)
      if (view !== undefined && (view.status === 'Completed' || view.status === 'Failed')) return view
    }
  }
  return { application, deposit, send, balance, ended, [Symbol.asyncDispose]: () => application.stop() }
}

describe('a transfer', () => {
  test('moves money, and its journal tells how', { timeout }, async () => {
    await using scene = await bank()
    await scene.deposit('a', 10)
    await scene.send('t-1', 'a', 'b', 7)
    const { status, doneSteps, failure } = await scene.ended('t-1')
    assert.deepEqual([status, doneSteps, failure], ['Completed', ['Take', 'Give'], undefined])
    assert.deepEqual([await scene.balance('a'), await scene.balance('b')], [3, 7])
    const timeline = await scene.application.sagas.timeline('MoneyTransfer', 't-1')
    assert.deepEqual(
      timeline.map(({ eventType }) => eventType),
      [
        ...['SagaStarted', 'EventHandled', 'DeadlineScheduled', 'CommandIssued', 'CommandAccepted'],
        ...['EventHandled', 'CommandIssued', 'CommandAccepted', 'EventHandled', 'SagaCompleted'],
      ],
    )
    assert.deepEqual([...new Set(timeline.map(({ metadata }) => metadata.correlationId))], ['t-1'])
  })

  test('fails without an effect when there is too little money', { timeout }, async () => {
    await using scene = await bank()
    await scene.send('t-1', 'a', 'b', 7)
    const { status, failure } = await scene.ended('t-1')
    assert.deepEqual([status, failure?.code], ['Failed', 'overdrawn'])
    assert.deepEqual([await scene.balance('a'), await scene.balance('b')], [0, 0])
  })
})

describe('an event with a key', () => {
  test('comes to all instances that have it, also those that an event just before it has started', {
    timeout,
  }, async () => {
    const { application, begin, note, saga, settled } = sampleApplication()
    await using _ = application
    await application.start()
    const keyed = { gives: { state: { notes: [], keys: ['k'] } } }
    await Promise.all([
      begin('a', keyed),
      begin('b', keyed),
      begin('c', { gives: { state: { notes: [], keys: ['other'] } } }),
    ])
    await note('x', { to: [{ key: 'k' }, 'b'], gives: { completed: true } })
    await settled()
    assert.deepEqual(await Promise.all(['a', 'b', 'c'].map(async (id) => (await saga(id)).status)), [
      'Completed',
      'Completed',
      'Running',
    ])
  })

  test('comes to thousands of instances', { timeout: 60_000 }, async () => {
    const { application, begin, note, settled } = sampleApplication()
    await using _ = application
    await application.start()
    const count = 2100
    const keyed = { gives: { state: { notes: [], keys: ['k'] } } }
    await Promise.all(Array.from({ length: count }, (_, number) => begin(`s-${number}`, keyed)))
    await note('x', { to: [{ key: 'k' }], gives: { completed: true } })
    await settled()
    const [overview] = await application.sagas.overview()
    assert.deepEqual(overview?.totals, { Running: 0, Stuck: 0, Compensating: 0, Completed: count, Failed: 0 })
  })
})

describe('a deadline', () => {
  test('comes once, also when the clock is set back and forward', { timeout }, async () => {
    const { application, begin, settled, done, clock } = sampleApplication()
    await using _ = application
    await application.start()
    const ring = { gives: { commands: [order('rung')] } }
    await begin('a', { gives: { deadlines: [deadline('Bell', { afterMs: 60_000 }, ring)] } })
    await settled()
    for (const move of [60_000, -3_600_000, 3_600_000, 3_600_000]) {
      clock.time += move
      await settled()
      assert.deepEqual(await done(), ['rung'])
    }
    assert.equal((await application.sagas.overview())[0]?.deadlinesReached, 1)
  })
})

describe('a stuck saga', () => {
  test('holds what comes, and goes on in order once it is retried', { timeout }, async () => {
    const { application, begin, note, saga, settled, done } = sampleApplication()
    await using _ = application
    await application.start()
    obstacles.add('wall')
    await begin('a', { throws: 'wall', gives: { commands: [order('one')] } })
    await note('a', { gives: { commands: [order('two')] } })
    await begin('b', { gives: { commands: [order('other')] } })
    await settled()
    assert.deepEqual(
      [(await saga('a')).status, (await saga('a')).error?.message, await done()],
      ['Stuck', 'wall', ['other']],
    )
    const again = await application.sagas.retry('Scripted', 'a', 'ada')
    assert.equal(again.status, 'Accepted')
    await settled()
    assert.equal((await saga('a')).status, 'Stuck')
    obstacles.clear()
    await application.sagas.retry('Scripted', 'a')
    await settled()
    assert.deepEqual([(await saga('a')).status, await done()], ['Running', ['other', 'one', 'two']])
    assert.deepEqual((await application.sagas.retry('Scripted', 'a')).reason?.code, 'saga-not-stuck')
  })

  test('goes on with one retry, however much it holds', { timeout: 60_000 }, async () => {
    const { application, begin, note, saga, settled } = sampleApplication()
    await using _ = application
    await application.start()
    obstacles.add('wall')
    await begin('a', { throws: 'wall' })
    for (let count = 1; count <= 1300; count++) await note('a', { gives: { state: { notes: [`${count}`] } } })
    await settled()
    assert.equal((await saga('a')).held.length, 1301)
    obstacles.clear()
    await application.sagas.retry('Scripted', 'a')
    await settled()
    const { status, state, held } = await saga('a')
    assert.deepEqual([status, state, held], ['Running', { notes: ['1300'] }, []])
  })

  test('can be cancelled, and takes back what it has done', { timeout }, async () => {
    const { application, begin, note, saga, settled, done } = sampleApplication()
    await using _ = application
    await application.start()
    await begin('a', { gives: { commands: [step('A', order('do A')), step('B', order('do B'))] } })
    await settled()
    obstacles.add('wall')
    await note('a', { throws: 'wall' })
    await settled()
    await application.sagas.cancel('Scripted', 'a', 'nobody wants it', 'ada')
    await settled()
    assert.deepEqual(await done(), ['do A', 'do B', 'undo B', 'undo A'])
    const { status, failure } = await saga('a')
    assert.deepEqual([status, failure], ['Failed', { code: 'cancelled', message: 'nobody wants it' }])
    assert.deepEqual((await application.sagas.cancel('Scripted', 'a', 'again')).reason?.code, 'saga-not-running')
    assert.deepEqual((await application.sagas.cancel('Scripted', 'nobody', 'why')).reason?.code, 'saga-not-started')
    assert.equal(
      (await application.eventStore.loadEvents({ aggregateType: 'Scripted', aggregateId: 'nobody' })).length,
      0,
    )
  })
})

describe('a command of a saga', () => {
  test('whose target cannot be read waits in the dead letters, the later ones behind it, and all go on after a retry', {
    timeout,
  }, async () => {
    const stores = sampleStores()
    const memory = stores.eventStore
    const eventStore = withHooks<EventStore>(memory, {
      loadEvents: async (aggregate, options) => {
        const events = await memory.loadEvents(aggregate, options)
        return aggregate.aggregateId === 'broken' && obstacles.has('newer program')
          ? events.map((event) => ({ ...event, schemaVersion: 9 }))
          : events
      },
    })
    const { application, begin, note, saga, settled, done } = sampleApplication({ ...stores, eventStore })
    await using _ = application
    await application.start()
    const events = [{ eventType: 'Noted', eventData: {} }]
    await memory.appendEvents({ aggregateType: 'Plan', aggregateId: 'broken' }, events, { expectedVersion: 0 })
    obstacles.add('newer program')
    const toBroken = { ...order('lost'), aggregateId: plan.id('broken') }
    await begin('a', { gives: { commands: [toBroken, order('after')] } })
    await begin('b', { gives: { commands: [order('other')] } })
    await settled()
    await note('a', { gives: { commands: [order('at the end')] } })
    await settled()
    assert.deepEqual([await done(), (await saga('a')).pendingCommands.length], [['other'], 3])
    const { deadLetters } = application.processing
    const filter = { aggregateType: 'Scripted', aggregateId: 'a' }
    const [held] = (await deadLetters.list('Scripted')).sequences
    assert.deepEqual([held?.aggregateId, held?.eventCount, held?.state], ['a', 3, 'parked'])
    obstacles.clear()
    await deadLetters.retry('Scripted', filter)
    await settled()
    assert.deepEqual([await done(), (await saga('a')).pendingCommands], [['other', 'after', 'at the end'], []])
    assert.deepEqual((await deadLetters.list('Scripted')).sequences, [])
  })
})

describe('sagas', () => {
  test('may start each other', { timeout }, async () => {
    const second = defineSaga('Second', {
      from: [plan],
      initialState: {},
      startedBy: { Done: ({ data }) => (data.name === 'begin the second' ? 'second' : undefined) },
      on: { Done: () => ({ commands: [order('by the second')], completed: true }) },
    }) as SagaDefinition
    const { application, begin, settled, done } = sampleApplication(undefined, { sagas: [scripted, second] })
    await using _ = application
    await application.start()
    await begin('a', { gives: { commands: [order('begin the second')], completed: true } })
    await settled()
    assert.deepEqual(await done(), ['begin the second', 'by the second'])
  })

  test('have instances whose ids have any characters, and up to 200 of them', { timeout }, async () => {
    const { application, begin, note, saga, settled, clock } = sampleApplication()
    await using _ = application
    await application.start()
    const ids = ['a b', ' ', '*', '>', '../x', "'; --", 'é漢🦄', '__proto__', 'x'.repeat(200), 'Scripted a', '%']
    const bell = deadline('Bell', { afterMs: 1000 }, { gives: { completed: true } })
    for (const id of ids) {
      await begin(id, { gives: { state: { notes: [], keys: [id] }, commands: [order(id)], deadlines: [bell] } })
    }
    for (const id of ids) await note('x', { to: [{ key: id }], gives: { state: { notes: [id], keys: [id] } } })
    await settled()
    for (const id of ids) {
      const { sagaId, state, pendingCommands } = await saga(id)
      assert.deepEqual([sagaId, state, pendingCommands], [id, { notes: [id], keys: [id] }, []])
    }
    clock.time += 1000
    await settled()
    const [overview] = await application.sagas.overview()
    assert.deepEqual([overview?.totals.Completed, overview?.totals.Running], [ids.length, 0])
  })

  test('begin with what happens after their first start, unless they are told otherwise', { timeout }, async () => {
    for (const [startAt, expected] of [
      ['now', ['later']],
      ['beginning', ['early', 'later']],
      [1, ['later']],
    ] as const) {
      const { application, begin, settled, done } = sampleApplication(undefined, { sagas: [{ ...scripted, startAt }] })
      await using _ = application
      await begin('a', { gives: { commands: [order('early')] } })
      await application.start()
      await begin('b', { gives: { commands: [order('later')] } })
      await settled()
      assert.deepEqual(await done(), expected)
    }
  })

  test('are listed by status, those that are quiet for longest first, page by page', { timeout }, async () => {
    const { application, begin, note, settled, clock } = sampleApplication()
    await using _ = application
    await application.start()
    for (const id of ['c', 'a', 'd', 'b']) {
      clock.time += 1000
      await begin(id)
      await settled()
    }
    clock.time += 1000
    await note('c', { gives: { failed } })
    await settled()
    const { sagas } = application
    const idsOf = (views: readonly { readonly sagaId: string }[]) => views.map(({ sagaId }) => sagaId)
    assert.deepEqual(idsOf(await sagas.find({ sagaName: 'Scripted' })), ['c', 'a', 'd', 'b'])
    const first = await sagas.find({ sagaName: 'Scripted', status: 'Running', limit: 2 })
    const [, after] = first
    assert.ok(after !== undefined)
    const rest = await sagas.find({ sagaName: 'Scripted', status: 'Running', limit: 2, after })
    assert.deepEqual([idsOf(first), idsOf(rest)], [['a', 'd'], ['b']])
    const quietSince = '2026-01-01T01:00:03+01:00'
    assert.deepEqual(idsOf(await sagas.find({ sagaName: 'Scripted', status: 'Running', quietSince })), ['a'])
  })

  test('teach whoever asks for something that is not there', { timeout }, async () => {
    const { application } = sampleApplication()
    await using _ = application
    await application.start()
    const { sagas } = application
    for (const asked of [
      sagas.find({ sagaName: 'Scriptd' }),
      sagas.get('Scriptd', 'a'),
      sagas.timeline('Scriptd', 'a'),
      sagas.retry('Scriptd', 'a'),
      sagas.cancel('Scriptd', 'a', 'why'),
    ]) {
      assert.match((await errorOf(asked, 'unknown-saga')).message, /There is no saga 'Scriptd'. Known: Scripted/)
    }
    const quiet = sagas.find({ sagaName: 'Scripted', quietSince: '2026-01-01' })
    assert.match((await errorOf(quiet, 'invalid-option')).message, /needs 'status'/)
    await errorOf(sagas.find({ sagaName: 'Scripted', status: 'Running', quietSince: 'yesterday' }), 'validation')
    await errorOf(sagas.find({ sagaName: 'Scripted', limit: 0 }), 'invalid-option')
  })
})
