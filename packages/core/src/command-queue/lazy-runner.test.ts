import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ProcessorRunner } from '../event-processing/processor-runner.ts'
import { settle } from '../sample-account.test.ts'
import { LazyRunner } from './lazy-runner.ts'

/** A runner that fails to start so many times. */
function open(failures = 0) {
  const calls: string[] = []
  const told: unknown[] = []
  let left = failures
  const runner = {
    start: async () => {
      calls.push('start')
      if (left-- > 0) throw new Error('The store does not answer.')
    },
    stop: async () => void calls.push('stop'),
  } as unknown as ProcessorRunner
  const create = () => {
    calls.push('create')
    return runner
  }
  const lazy = new LazyRunner({
    create,
    retryDelay: { firstMs: 1, mostMs: 2 },
    onError: (error) => void told.push(error),
  })
  return { lazy, calls, told }
}

describe('a lazy runner', () => {
  test('is made when it is needed, once, and only while it is allowed', async () => {
    const { lazy, calls } = open()
    lazy.need()
    await lazy.start(false)
    assert.deepEqual([calls, lazy.made.length], [[], 0])
    lazy.need()
    lazy.need()
    await settle()
    assert.deepEqual([calls, lazy.made.length], [['create', 'start'], 1])
    await lazy.stop()
    lazy.need()
    await settle()
    assert.deepEqual(new Set(calls.slice(2)), new Set(['stop']))
    await lazy.start(true)
    assert.equal(calls.at(-1), 'start')
  })

  test('tries until it has begun, and tells of each failure', async () => {
    const { lazy, calls, told } = open(3)
    await lazy.start(false)
    lazy.need()
    while (calls.length < 5) await settle()
    await settle()
    assert.deepEqual(calls, ['create', 'start', 'start', 'start', 'start'])
    assert.equal(told.length, 3)
  })

  test('gives up trying when it is stopped, and tells whoever starts it', async () => {
    const { lazy, calls } = open(Number.POSITIVE_INFINITY)
    await lazy.start(false)
    lazy.need()
    while (calls.length < 3) await settle()
    await lazy.stop()
    const before = calls.length
    await new Promise((resolve) => setTimeout(resolve, 10))
    assert.equal(calls.length, before)
    await assert.rejects(lazy.start(true), { message: 'The store does not answer.' })
  })
})
