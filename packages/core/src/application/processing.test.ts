import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { errorOf, settle } from '../sample-account.test.ts'
import { openOperations } from './sample-operations.test.ts'

describe('processing', () => {
  test('shows every processor with its status, its progress and what it holds back', async () => {
    const { application, processing, poison, deposit, held, name } = await openOperations()
    poison.add(13)
    await application.start()
    await deposit('a-1', 1, 13, 2)
    await held(1, 2)
    assert.deepEqual(processing.processorNames, [name])
    const [overview] = await processing.list()
    assert.deepEqual([overview?.status.state, overview?.progress?.position], ['running', 3])
    assert.deepEqual(overview?.deadLetters, { retryingSequences: 0, parkedSequences: 1, events: 2 })
    assert.equal((await processing.show(name)).status.processorName, name)
    await application.stop()
  })

  test('pauses a processor until it is resumed', async () => {
    const { application, processing, viewStore, deposit, sums, name } = await openOperations()
    await application.start()
    await deposit('a-1', 1)
    await processing.drain(name)
    assert.equal((await processing.pause(name)).progress?.isPaused, true)
    while ((await processing.show(name)).status.state !== 'paused') await settle()
    await deposit('a-1', 2)
    await settle()
    assert.deepEqual(await sums(), { 'a-1': 1 })
    assert.equal(
      (await viewStore.progressStore.readProgress(name))?.owner,
      undefined,
      'another process may not have it',
    )
    assert.equal((await processing.resume(name)).progress?.isPaused, false)
    await processing.drain(name)
    assert.deepEqual(await sums(), { 'a-1': 3 })
    await application.stop()
  })

  test('stops waiting for a processor when it is told to', async () => {
    const { application, processing, deposit, name } = await openOperations()
    await application.start()
    await processing.pause(name)
    while ((await processing.show(name)).status.state !== 'paused') await settle()
    await deposit('a-1', 1)
    const giveUp = new AbortController()
    const draining = processing.drain(name, { signal: giveUp.signal })
    giveUp.abort(new Error('enough'))
    await assert.rejects(draining, /enough/)
    await application.stop()
  })

  test('proves what a processor has seen, what it holds back and what was given up', async () => {
    const { application, processing, poison, deposit, held, name } = await openOperations()
    poison.add(13).add(14)
    await application.start()
    await deposit('a-1', 1, 13, 2)
    await deposit('a-2', 14)
    await held(2, 3)
    await processing.deadLetters.discard(name, { aggregateId: 'a-2' }, { reason: 'No use.' })
    await held(1, 2)
    const audit = await processing.audit(name)
    assert.deepEqual([audit.verdict, audit.expected.count, audit.position], ['complete', 4, 4])
    assert.deepEqual([audit.heldBack.events, audit.discardedEvents], [2, 1])
    await application.stop()
  })

  test('names the processors that it knows when it is asked for another one', async () => {
    const { application, processing } = await openOperations()
    await application.start()
    for (const asked of [
      processing.show('SumView'),
      processing.pause('SumView'),
      processing.resume('SumView'),
      processing.drain('SumView'),
      processing.audit('SumView'),
    ]) {
      const error = await errorOf(asked, 'unknown-processor')
      assert.equal(error.message, "There is no processor 'SumView'. Known: SumView@1.")
    }
    await application.stop()
  })
})
