import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { HandlerTimeoutError } from '../errors/processing-errors.ts'
import { errorOf } from '../sample-account.test.ts'
import { type CheckedFailurePolicy, classifyFailure, nextAttemptMs } from './failure-policy.ts'
import { checkRetryDelay } from './retry-delay.ts'

const policy: CheckedFailurePolicy = {
  maxAttempts: 3,
  retryDelay: { firstMs: 100, mostMs: 1000 },
  classify: classifyFailure,
}
const waits = (error: unknown, changes: Partial<CheckedFailurePolicy> = {}) =>
  [1, 2, 3, 4].map((attempts) => nextAttemptMs({ ...policy, ...changes }, error, attempts, 0))

describe('an event that fails', () => {
  test('is tried so many times with growing waits, then parked', () => {
    assert.deepEqual(waits(new Error('odd')), [100, 200, undefined, undefined])
  })

  test('is parked at once when it will fail every time', () => {
    assert.deepEqual(waits(new HandlerTimeoutError('x', 1)), [undefined, undefined, undefined, undefined])
    assert.equal(classifyFailure(new HandlerTimeoutError('x', 1)), 'permanent')
    assert.equal(classifyFailure(undefined), 'unknown')
  })

  test('is tried for as long as it takes when the failure will pass', () => {
    assert.deepEqual(waits(new Error('odd'), { classify: () => 'transient' }), [100, 200, 400, 800])
  })

  test('is dealt with even when whoever classifies fails', () => {
    const classify = () => assert.fail('the classification is broken')
    assert.deepEqual(waits(new Error('odd'), { classify }), [100, 200, undefined, undefined])
  })

  test('has waits of whole milliseconds up to a day', async () => {
    for (const firstMs of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 86_400_001]) {
      await errorOf(() => checkRetryDelay({ firstMs, mostMs: 1 }), 'invalid-option')
      await errorOf(() => checkRetryDelay({ firstMs: 1, mostMs: firstMs }), 'invalid-option')
    }
  })
})
