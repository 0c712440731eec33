/** Applications with views of their own that share an event store and a progress store, as processes on JetStream do. */

import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { defineReaction } from '../event-processing/reaction.ts'
import { MemoryProgressStore } from '../memory/memory-progress-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import { viewKey } from '../read-side/view-store.ts'
import { deadline } from '../sagas/saga-outcome.ts'
import { sampleApplication, sampleStores } from '../sagas/sample-application.test.ts'
import { obstacles, order, plan } from '../sagas/sample-script.test.ts'

const timeout = 30_000

afterEach(() => obstacles.clear())

function openTwo() {
  const stores = sampleStores()
  const progressStore = new MemoryProgressStore()
  const told: string[] = []
  const open = (name: string) =>
    sampleApplication(
      { ...stores, viewStore: new MemoryViewStore() },
      {
        progressStore,
        processors: { leaseMs: 1000 },
        reactions: [
          defineReaction('Letters', {
            from: [plan],
            on: { Done: ({ data }) => void told.push(`${name}: ${data.name}`) },
          }),
        ],
      },
    )
  return { ...stores, progressStore, told, one: open('one'), other: open('other') }
}

/** Waits until the views of an application have seen everything, whoever runs the sagas. */
async function seenBy({ application }: ReturnType<typeof sampleApplication>): Promise<void> {
  const { projection } = application.sagas
  if (projection !== undefined) await application.processing.drain(viewKey(projection))
}

describe('two applications with views of their own and a shared progress store', () => {
  test('run each reaction, saga and the command queue in one of them, and hand them over', { timeout }, async () => {
    const { one, other, told } = openTwo()
    await one.application.start()
    await other.application.start()
    for (const [leaver, stayer, ids] of [
      [one, other, ['a', 'b']],
      [other, one, ['c', 'd']],
    ] as const) {
      for (const id of ids) await stayer.begin(id, { gives: { commands: [order(id)] } })
      const queued = await stayer.application.dispatch(order(`queued ${ids[0]}`), { mode: 'async' })
      await leaver.settled()
      const ended = await stayer.application.acknowledgmentOf(queued.commandId ?? '', { waitMs: 10_000 })
      assert.equal(ended.status, 'Accepted')
      await leaver.settled()
      await leaver.application.stop()
      await stayer.begin(`${ids[0]} later`, { gives: { commands: [order(`${ids[0]} later`)] } })
      await stayer.settled()
      await leaver.application.start()
    }
    const expected = ['a', 'b', 'queued a', 'a later', 'c', 'd', 'queued c', 'c later']
    assert.deepEqual((await one.done()).toSorted(), expected.toSorted())
    assert.deepEqual(told.map((line) => line.replace(/^\w+: /, '')).toSorted(), expected.toSorted())
    assert.deepEqual(new Set(told.map((line) => line.replace(/:.*/, ''))), new Set(['one', 'other']))
    await one.application.stop()
    await other.application.stop()
  })

  test('see the same sagas in both, and a deadline is reached by whoever has taken over', { timeout }, async () => {
    const { one, other, clock } = openTwo()
    await one.application.start()
    await other.application.start()
    const ring = { gives: { commands: [order('rung')], completed: true } }
    await one.begin('a', { gives: { deadlines: [deadline('Bell', { afterMs: 60_000 }, ring)] } })
    await one.settled()
    await seenBy(other)
    assert.deepEqual((await other.saga('a')).deadlines.length, 1)
    await one.application.stop()
    clock.time += 86_400_000
    await other.settled()
    assert.deepEqual([(await other.saga('a')).status, await other.done()], ['Completed', ['rung']])
    await one.application.start()
    await seenBy(one)
    assert.equal((await one.saga('a')).status, 'Completed')
    await one.application.stop()
    await other.application.stop()
  })

  test('find an instance by its key in views that were behind when they took over', { timeout }, async () => {
    const { one, other } = openTwo()
    await one.application.start()
    await one.begin('a', { gives: { state: { notes: [], keys: ['k'] } } })
    await one.settled()
    await one.application.stop()
    for (let count = 0; count < 300; count++) await one.note('x', {})
    await one.note('x', { to: [{ key: 'k' }], gives: { completed: true } })
    await other.application.start()
    await other.settled()
    assert.equal((await other.saga('a')).status, 'Completed')
    await other.application.stop()
  })

  test('are paused and mended from either of them', { timeout }, async () => {
    const { one, other } = openTwo()
    await one.application.start()
    await other.application.start()
    obstacles.add('wall')
    await one.begin('a', { throws: 'wall', gives: { commands: [order('over')] } })
    await one.settled()
    await seenBy(other)
    assert.equal((await other.saga('a')).status, 'Stuck')
    obstacles.clear()
    await other.application.sagas.retry('Scripted', 'a')
    await one.settled()
    assert.deepEqual(await other.done(), ['over'])
    await other.application.processing.pause('Letters')
    assert.equal((await one.application.processing.show('Letters')).progress?.isPaused, true)
    await one.application.stop()
    await other.application.stop()
  })
})
