/** What the progress store promises besides the suite of all progress stores: several stores and processes on one file. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { ProcessorClaim } from '@cim/core'
import { SqliteViewStore } from './sqlite-view-store.ts'
import { Child } from './test-support/child.ts'
import { nextStep, processorName } from './test-support/sample-steps.ts'
import { changeAll, numbersView } from './test-support/sample-views.ts'
import { seededRandom } from './test-support/seeded-random.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

const leaseMs = 3_600_000

describe('a processor that several processes want', () => {
  test('is run by one at a time: no two of them save the same step, however often they take over', async (context) => {
    const { path, store } = openStore(context)
    const { progressStore } = store
    await progressStore.setPaused(processorName, true)
    // A claim that lasts no time passes to whoever asks next.
    const children = ['a', 'b', 'c'].map((owner) => new Child('run-processor.ts', { args: [path, owner, '300', '0'] }))
    for (const child of children) context.after(() => child.kill())
    await Promise.all(children.map((child) => child.wrote(1)))
    await progressStore.setPaused(processorName, false)
    await Promise.all(children.map((child) => child.end()))
    const outcomes = children.flatMap(({ lines }) => lines.slice(1))
    const refused = outcomes.filter((line) => Number.isNaN(Number(line)))
    for (const code of refused) assert.ok(code === 'stale-owner' || code === 'stale-checkpoint', code)
    const saved = outcomes.map(Number).filter((position) => !Number.isNaN(position))
    saved.sort((one, other) => one - other)
    assert.deepEqual(
      saved,
      Array.from(saved, (_, index) => index + 1),
    )
    context.diagnostic(`${saved.length} steps were saved, ${refused.length} refused`)
    const progress = await progressStore.readProgress(processorName)
    assert.deepEqual([progress?.position, progress?.owner], [saved.length, undefined])
    assert.ok((progress?.epoch ?? 0) >= 3)
  })

  test('is given to another at once when its owner is killed, and not before', async (context) => {
    const { path, store } = openStore(context)
    await using first = new Child('hold-processor.ts', { args: [path] })
    await first.wrote(1)
    assert.equal(await claim(store, 'here'), undefined)
    await assert.rejects(store.progressStore.moveProgress(processorName, 0, Date.now()), { code: 'processor-owned' })
    await using second = new Child('hold-processor.ts', { args: [path] })
    await second.wrote(1)
    assert.deepEqual([first.lines, second.lines], [['claimed'], ['refused']])
    await first.kill()
    assert.equal((await claim(store, 'here'))?.epoch, 2)
  })

  test('is moved at once when its owner is killed', async (context) => {
    const { path, store } = openStore(context)
    await using holder = new Child('hold-processor.ts', { args: [path] })
    await holder.wrote(1)
    await holder.kill()
    await store.progressStore.moveProgress(processorName, 0, Date.now())
    assert.equal((await store.progressStore.readProgress(processorName))?.epoch, 2)
  })

  test('is kept by an owner on another machine until its time is over', async (context) => {
    const { path, store } = openStore(context)
    await using holder = new Child('hold-processor.ts', { args: [path] })
    await holder.wrote(1)
    await holder.kill()
    const raw = new DatabaseSync(path)
    raw.exec("UPDATE processors SET owner_machine = 'elsewhere'")
    raw.close()
    assert.equal(await claim(store, 'here'), undefined)
    assert.equal((await claim(store, 'here', Date.now() + 2 * leaseMs))?.epoch, 2)
  })
})

test('documents, progress and dead letters agree whenever the process is killed, and the next one goes on at once', async (context) => {
  const seed = Number(process.env.CIM_TEST_SEED ?? Date.now() % 1_000_000)
  context.diagnostic(`seed ${seed}: repeat with CIM_TEST_SEED`)
  const random = seededRandom(seed)
  const path = join(temporaryFolder(context), 'views.db')
  const documents = 1000
  let acknowledged = 0
  for (let round = 0; round < 8; round++) {
    await using child = new Child('commit-progress.ts', { args: [path, String(documents)] })
    await child.wrote(2 + random(10))
    await delay(random(20))
    await child.kill()
    acknowledged = Math.max(acknowledged, ...child.lines.slice(1).map(Number))
    await using store = new SqliteViewStore({ path })
    await store.openView(numbersView)
    const checkpoint = await store.getCheckpoint(numbersView)
    assert.ok(checkpoint >= acknowledged, `${acknowledged} was acknowledged, the view is at ${checkpoint}`)
    assert.equal(await store.count(numbersView, 'position', checkpoint), documents)
    const progress = await store.progressStore.readProgress(processorName)
    assert.deepEqual([progress?.position, progress?.epoch], [checkpoint, round + 1])
    assert.equal((await store.progressStore.countDeadLetters(processorName)).parkedSequences, checkpoint)
  }
  context.diagnostic(`${acknowledged} commits were acknowledged`)
})

describe('two stores on one file', () => {
  test('in one process: a processor is refused while the other has it, and given at once when that is closed', async (context) => {
    const { path, store } = openStore(context)
    const other = new SqliteViewStore({ path })
    await claim(other, 'there')
    assert.equal(await claim(store, 'here'), undefined)
    await other.close()
    assert.equal((await store.progressStore.readProgress(processorName))?.owner, undefined)
    assert.equal((await claim(store, 'here'))?.epoch, 2)
  })

  test('a store that is closed gives back only what it still has', async (context) => {
    const { path, store } = openStore(context)
    const other = new SqliteViewStore({ path })
    await claim(other, 'there', Date.now() - 2 * leaseMs)
    await claim(store, 'here')
    await other.close()
    assert.equal((await store.progressStore.readProgress(processorName))?.owner, 'here')
  })

  test('a store that is closed refuses everything about progress', async (context) => {
    const { store } = openStore(context)
    const { progressStore } = store
    const given = (await claim(store, 'here')) as ProcessorClaim
    await store.close()
    const now = Date.now()
    for (const action of [
      () => claim(store, 'here'),
      () => progressStore.renewClaim(given, now),
      () => progressStore.releaseClaim(given),
      () => progressStore.readProgress(processorName),
      () => progressStore.saveProgress(nextStep(given, 0, now)),
      () => progressStore.setPaused(processorName, true),
      () => progressStore.moveProgress(processorName, 0, now),
      () => progressStore.listDeadLetters(processorName),
      () => progressStore.countDeadLetters(processorName),
      () => progressStore.retryDeadLetters(processorName, {}, now),
      () => progressStore.discardDeadLetters(processorName, {}, { reason: 'old', now }),
      () => progressStore.listDiscarded(processorName),
    ]) {
      await assert.rejects(action(), { code: 'store-closed' })
    }
  })

  test('a view that the other one drops is unknown, also when it was made anew, until it is opened again', async (context) => {
    const { path, store } = openStore(context)
    await using other = new SqliteViewStore({ path })
    await store.openView(numbersView)
    await store.commit(numbersView, changeAll(0, 3))
    const uses = [
      () => store.getCheckpoint(numbersView),
      () => store.getMany(numbersView, ['d-1']),
      () => store.find(numbersView, 'position', { equals: 1 }),
      () => store.list(numbersView),
      () => store.count(numbersView),
      () => store.commit(numbersView, changeAll(1, 3)),
      () => store.promoteView(numbersView, undefined, 0),
    ]
    for (const use of uses) {
      await other.dropView(numbersView)
      await assert.rejects(use(), { code: 'unknown-view' })
      await store.openView(numbersView)
      assert.equal(await store.getCheckpoint(numbersView), 0)
    }
    await other.dropView(numbersView)
    await other.openView({ ...numbersView, viewName: 'OtherView' })
    await other.openView(numbersView)
    for (const checkpoint of [0, 1]) {
      const commit = { expectedCheckpoint: checkpoint, position: 9, changes: [] }
      await assert.rejects(store.commit(numbersView, commit), { code: 'unknown-view' })
    }
    await store.openView(numbersView)
    await store.commit(numbersView, changeAll(0, 3))
    assert.equal(await other.count(numbersView), 3)
  })
})

function openStore(context: TestContext) {
  const path = join(temporaryFolder(context), 'views.db')
  const store = new SqliteViewStore({ path })
  context.after(() => store.close())
  return { path, store }
}

function claim(
  { progressStore }: SqliteViewStore,
  owner: string,
  now = Date.now(),
): Promise<ProcessorClaim | undefined> {
  return progressStore.claimProcessor(processorName, { owner, now, leaseMs })
}
