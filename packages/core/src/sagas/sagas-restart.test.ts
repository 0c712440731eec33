import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import type { EventStore } from '../event-store/event-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import { withHooks } from '../sample-account.test.ts'
import { deadline, step } from './saga-outcome.ts'
import { sampleApplication, sampleStores } from './sample-application.test.ts'
import { obstacles, order, scripted } from './sample-script.test.ts'

const timeout = 30_000
const failed = { code: 'enough', message: 'It is enough.' }

afterEach(() => obstacles.clear())

describe('sagas of an application that is stopped and started again', () => {
  test('go on where they were: nothing is done twice, and nothing is left out', { timeout }, async () => {
    const stores = sampleStores()
    const expected: string[] = []
    for (let round = 0; round < 5; round++) {
      const { application, begin, note, settled, done } = sampleApplication(stores)
      await application.start()
      for (let number = 0; number < 20; number++) {
        const names = [`${round}-${number}-a`, `${round}-${number}-b`]
        await begin(`s-${round}-${number}`, { gives: { commands: names.map((name) => order(name)) } })
        if (round > 0) await note(`s-${round - 1}-${number}`, { gives: { commands: [order(`${round}-${number}-c`)] } })
        expected.push(...names, ...(round > 0 ? [`${round}-${number}-c`] : []))
      }
      if (round === 4) await settled()
      await application.stop()
      if (round === 4) assert.deepEqual((await done()).toSorted(), expected.toSorted())
    }
  })

  test('reach deadlines once that were due while nothing ran', { timeout }, async () => {
    const stores = sampleStores()
    const before = sampleApplication(stores)
    await before.application.start()
    for (let number = 0; number < 1200; number++) {
      const ring = { gives: { commands: [order(`rung ${number}`)], completed: true } }
      await before.begin(`s-${number}`, { gives: { deadlines: [deadline('Bell', { afterMs: 1000 + number }, ring)] } })
    }
    await before.settled()
    await before.application.stop()
    stores.clock.time += 86_400_000
    for (let times = 0; times < 2; times++) {
      const { application, settled, done } = sampleApplication(stores)
      await application.start()
      await settled()
      assert.equal((await done()).length, 1200)
      assert.equal(new Set(await done()).size, 1200)
      await application.stop()
    }
  })

  test('go on when the view store, and with it their progress, is lost', { timeout }, async () => {
    const stores = sampleStores()
    const sagas = [{ ...scripted, startAt: 'now' as const }]
    const early = sampleApplication(stores, { sagas })
    // Before there was the saga: starts nothing, whatever is lost later.
    await early.begin('too early')
    await early.application.start()
    await early.begin('a', { gives: { commands: [order('first')] } })
    await early.settled()
    await early.application.stop()
    await early.note('a', { gives: { commands: [order('second')], completed: true } })
    const { application, saga, settled, done } = sampleApplication(
      { ...stores, viewStore: new MemoryViewStore() },
      { sagas },
    )
    await application.start()
    await settled()
    assert.equal((await saga('a')).status, 'Completed')
    assert.deepEqual(await done(), ['first', 'second'])
    assert.equal(await application.sagas.get('Scripted', 'too early'), undefined)
    await application.stop()
  })

  test('handle what happened before a deadline before it, though both come only now', { timeout }, async () => {
    const stores = sampleStores()
    const before = sampleApplication(stores)
    await before.application.start()
    await before.begin('a', { gives: { deadlines: [deadline('Bell', { afterMs: 1000 }, { gives: { failed } })] } })
    await before.settled()
    await before.application.stop()
    // A long backlog, and at its end what makes the deadline superfluous.
    for (let count = 0; count < 500; count++) await before.note('x', {})
    await before.note('a', { gives: { completed: true } })
    stores.clock.time += 86_400_000
    const { application, saga, settled } = sampleApplication(stores, { processors: { batchSize: 5 } })
    await application.start()
    await settled()
    await application.stop()
    assert.equal((await saga('a')).status, 'Completed')
  })

  test('are still stuck, compensating, or waiting for their commands', { timeout }, async () => {
    const stores = sampleStores()
    const before = sampleApplication(stores)
    await before.application.start()
    for (const name of ['wall', 'no undo']) obstacles.add(name)
    await before.begin('stuck', { throws: 'wall', gives: { commands: [order('over the wall')] } })
    await before.begin('undoing', { gives: { commands: [step('Twice', order('do it'))] } })
    await before.settled()
    await before.note('undoing', { gives: { failed } })
    await before.settled()
    await before.application.stop()
    obstacles.clear()
    const { application, saga, settled, done } = sampleApplication(stores)
    await application.start()
    await settled()
    const statuses = async () => [(await saga('stuck')).status, (await saga('undoing')).status]
    assert.deepEqual(await statuses(), ['Stuck', 'Stuck'])
    for (const id of ['stuck', 'undoing']) await application.sagas.retry('Scripted', id)
    await settled()
    assert.deepEqual(await statuses(), ['Running', 'Failed'])
    assert.deepEqual((await done()).toSorted(), ['do it', 'over the wall', 'undo 1', 'undo 2'])
    await application.stop()
  })

  test('find an instance by its key, though it was started before', { timeout }, async () => {
    const stores = sampleStores()
    const before = sampleApplication(stores)
    await before.application.start()
    await before.begin('a', { gives: { state: { notes: [], keys: ['k'] } } })
    await before.settled()
    await before.application.stop()
    await before.note('x', { to: [{ key: 'k' }], gives: { completed: true } })
    const { application, saga, settled } = sampleApplication(stores)
    await application.start()
    await settled()
    await application.stop()
    assert.equal((await saga('a')).status, 'Completed')
  })

  test('stop while a command is under way, and send none after it', { timeout }, async () => {
    const stores = sampleStores()
    const memory = stores.eventStore
    const reached = Promise.withResolvers<void>()
    const going = Promise.withResolvers<void>()
    const eventStore = withHooks<EventStore>(memory, {
      appendEvents: async (aggregate, ...rest) => {
        if (aggregate.aggregateId === 'target') {
          reached.resolve()
          await going.promise
        }
        return memory.appendEvents(aggregate, ...rest)
      },
    })
    const { application, begin, done } = sampleApplication({ ...stores, eventStore })
    await application.start()
    await begin('a', { gives: { commands: ['1', '2', '3'].map((name) => order(name)) } })
    await reached.promise
    const stopping = application.stop()
    going.resolve()
    await stopping
    assert.deepEqual(await done(), ['1'])
    const later = sampleApplication(stores)
    await later.application.start()
    await later.settled()
    await later.application.stop()
    assert.deepEqual(await done(), ['1', '2', '3'])
  })
})

describe('sagas of two applications over the same stores', () => {
  test('are run by one of them at a time: the other takes over, and back, and nothing is done twice', {
    timeout,
  }, async () => {
    const stores = sampleStores()
    const processors = { leaseMs: 1000 }
    const [one, other] = [sampleApplication(stores, { processors }), sampleApplication(stores, { processors })]
    await one.application.start()
    await other.application.start()
    const expected: string[] = []
    const both = async (round: number) => {
      for (let number = 0; number < 10; number++) {
        const scripts = [`${round}-${number}-x`, `${round}-${number}-y`]
        expected.push(...scripts)
        const [commands, more] = scripts.map((name) => ({ gives: { commands: [order(name)] } }))
        await one.begin(`s-${number}`, commands)
        await other.note(`s-${number}`, more)
      }
    }
    await both(0)
    // Whoever has the saga is stopped in the middle, and comes back with what it had in memory.
    for (let round = 1; round < 6; round++) {
      const [leaver, stayer] = round % 2 === 0 ? [one, other] : [other, one]
      await leaver.application.stop()
      await both(round)
      stores.clock.time += 2000
      await stayer.settled()
      await leaver.application.start()
    }
    await one.settled()
    assert.deepEqual((await one.done()).toSorted(), expected.toSorted())
    await one.application.stop()
    await other.application.stop()
  })
})
