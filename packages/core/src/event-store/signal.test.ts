import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { describe, test } from 'node:test'
import { settle } from '../sample-account.test.ts'
import { Signal } from './signal.ts'

/** Tells whether a promise has settled once everything that can run has run. */
async function hasEnded(promise: Promise<unknown>): Promise<boolean> {
  let ended = false
  void promise.then(() => {
    ended = true
  })
  await settle()
  return ended
}

describe('a signal', () => {
  test('wakes everyone who waits, once', async () => {
    const signal = new Signal()
    const waits = Array.from({ length: 100 }, () => signal.wait(0))
    assert.equal(await hasEnded(Promise.race(waits)), false)
    signal.notify()
    await Promise.all(waits)
    assert.equal(signal.count, 1)
    assert.equal(await hasEnded(signal.wait(1)), false)
  })

  test('does not let anyone wait for what has happened since they looked', async () => {
    const signal = new Signal()
    const seen = signal.count
    signal.notify()
    await signal.wait(seen)
    signal.notify()
    signal.notify()
    await signal.wait(seen)
    await signal.wait(signal.count - 1)
  })

  test('lets those who are woken wait again', async () => {
    const signal = new Signal()
    const woken: number[] = []
    const follow = async (): Promise<void> => {
      while (woken.length < 3) {
        await signal.wait(signal.count)
        woken.push(signal.count)
      }
    }
    const following = follow()
    for (let round = 0; round < 3; round++) {
      signal.notify()
      await settle()
    }
    await following
    assert.deepEqual(woken, [1, 2, 3])
  })

  test('stops waiting when aborted, before or meanwhile, and leaves nothing behind', async () => {
    const signal = new Signal()
    await signal.wait(0, { signal: AbortSignal.abort() })
    const abort = new AbortController()
    const waits = [
      signal.wait(0, { signal: abort.signal }),
      signal.wait(0, { signal: abort.signal, timeoutMs: 60_000 }),
    ]
    assert.equal(getEventListeners(abort.signal, 'abort').length, 2)
    abort.abort()
    await Promise.all(waits)
    assert.equal(signal.count, 0)

    const other = new AbortController()
    const woken = signal.wait(0, { signal: other.signal, timeoutMs: 60_000 })
    signal.notify()
    await woken
    assert.equal(getEventListeners(other.signal, 'abort').length, 0)
  })

  test('stops waiting after the time that was allowed', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const signal = new Signal()
    const wait = signal.wait(0, { timeoutMs: 50 })
    t.mock.timers.tick(49)
    assert.equal(await hasEnded(wait), false)
    t.mock.timers.tick(1)
    await wait
  })
})
