import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemoryProgressStore } from '../memory/memory-progress-store.ts'
import { errorOf } from '../sample-account.test.ts'
import { classifyFailure } from './failure-policy.ts'
import { HeldEvents } from './held-events.ts'
import type { ProgressStore } from './progress-store.ts'
import { storedEvent } from './sample-processing.test.ts'
import { nothingSeen } from './seen-events.ts'

function open(changes: { readonly mostSequences?: number; readonly maxAttempts?: number } = {}) {
  const time = { now: 1000 }
  const held = new HeldEvents({
    processorName: 'P',
    policy: {
      maxAttempts: changes.maxAttempts ?? 3,
      retryDelay: { firstMs: 100, mostMs: 1000 },
      classify: classifyFailure,
    },
    mostSequences: changes.mostSequences ?? 10,
    now: () => time.now,
    random: () => 0,
  })
  return { held, time }
}

async function save(held: HeldEvents, store: ProgressStore): Promise<void> {
  const claim = await store.claimProcessor('P', { owner: 'o', now: 0, leaseMs: 1 })
  const progress = await store.readProgress('P')
  assert.ok(claim !== undefined && progress !== undefined)
  const { position, revision: expectedRevision } = progress
  const deadLetters = held.changes()
  const rest = { expectedPosition: position, expectedRevision, position, seen: nothingSeen, leaseUntil: 1 }
  await store.saveProgress({ claim, ...rest, deadLetters })
  held.saved()
}

const error = new RangeError('too much')

describe('events that are held back', () => {
  test('are the one that failed and those of its aggregate behind it', () => {
    const { held } = open()
    const batch = [storedEvent(1, 'a', 1), storedEvent(2, 'b', 1), storedEvent(3, 'a', 2), storedEvent(4, 'a', 3)]
    const [, , failed] = batch
    assert.ok(failed !== undefined)
    held.hold({ event: failed, error }, batch)
    const { failure, ...sequence } = held.get(failed) ?? assert.fail('it is held')
    assert.deepEqual(sequence, {
      processorName: 'P',
      aggregateType: 'Account',
      aggregateId: 'a',
      state: 'retrying',
      fromSequence: 2,
      fromPosition: 3,
      toSequence: 3,
      toPosition: 4,
      eventCount: 2,
      attempts: 1,
      firstFailedAt: '1970-01-01T00:00:01.000Z',
      lastFailedAt: '1970-01-01T00:00:01.000Z',
      nextAttemptAt: '1970-01-01T00:00:01.100Z',
    })
    assert.deepEqual([failure.name, failure.message, failure.eventId], ['RangeError', 'too much', 'e-3'])
    const later = [storedEvent(5, 'b', 2), storedEvent(6, 'a', 4)]
    assert.deepEqual(
      held.others(later).map(({ position }) => position),
      [5],
    )
    held.holdBack(later)
    const { toSequence, toPosition, eventCount } = held.get(failed) ?? assert.fail('it is held')
    assert.deepEqual([toSequence, toPosition, eventCount], [4, 6, 3])
  })

  test('are due when their wait is over, and parked when they were tried often enough', () => {
    const { held, time } = open()
    const event = storedEvent(1, 'a', 1)
    held.hold({ event, error }, [event])
    assert.deepEqual([held.due(9).length, held.dueAt], [0, 1100])
    for (const [now, state] of [
      [1100, 'retrying'],
      [1300, 'parked'],
    ] as const) {
      time.now = now
      const [due] = held.due(9)
      assert.equal(due?.aggregateId, 'a')
      held.failAgain(due, { event, error }, 0)
      assert.equal(held.get(event)?.state, state)
    }
    time.now = 1_000_000
    assert.deepEqual(held.due(9), [])
    assert.equal(held.get(event)?.attempts, 3)
  })

  test('wait no longer than the longest delay when the clock is set back', () => {
    const { held, time } = open()
    const event = storedEvent(1, 'a', 1)
    time.now = 3_601_000
    held.hold({ event, error }, [event])
    time.now = 1000
    assert.equal(held.dueAt, 1000)
    assert.deepEqual(
      held.due(9).map(({ aggregateId }) => aggregateId),
      ['a'],
    )
    held.failAgain(held.get(event) ?? assert.fail('it is held'), { event, error }, 0)
    assert.deepEqual([held.due(9).length, held.dueAt], [0, 1200])
  })

  test('count attempts anew when another event fails', () => {
    const { held } = open()
    const [one, two] = [storedEvent(1, 'a', 1), storedEvent(2, 'a', 2)]
    held.hold({ event: one, error }, [one, two])
    held.failAgain(held.get(one) ?? assert.fail('it is held'), { event: two, error }, 1)
    const { attempts, fromSequence, fromPosition, eventCount } = held.get(one) ?? assert.fail('it is held')
    assert.deepEqual([attempts, fromSequence, fromPosition, eventCount], [1, 2, 2, 1])
  })

  test('are saved as they change, and read again, however many there are', async () => {
    const { held } = open({ mostSequences: 2500 })
    const store = new MemoryProgressStore()
    for (let index = 1; index <= 2500; index++) {
      const event = storedEvent(index, `a-${index}`, 1)
      held.hold({ event, error }, [event])
    }
    assert.equal(held.hasChanges, true)
    await save(held, store)
    assert.equal(held.hasChanges, false)
    const first = held.get(storedEvent(1, 'a-1')) ?? assert.fail('it is held')
    held.advance(first, 1, undefined)
    assert.deepEqual(
      held.changes().map(({ kind }) => kind),
      ['resolve'],
    )
    await save(held, store)
    // A limit that was lowered since must not make it forget any.
    const other = open({ mostSequences: 5 }).held
    await other.load(store)
    assert.deepEqual([other.size, other.get(first)], [2499, undefined])
    assert.deepEqual(other.others([storedEvent(9999, 'a-2500', 2)]), [])
    const event = storedEvent(10_000, 'new', 1)
    await errorOf(() => other.hold({ event, error }, [event]), 'too-many-dead-letters')
  })

  test('say why they failed, whatever was thrown', () => {
    const { held } = open()
    const hostile = Object.defineProperty(new Error('x'), 'message', { get: () => assert.fail('hostile') })
    const nameless = Object.assign(new Error('y'), { name: 5, code: { toString: null } })
    const thrown = [
      undefined,
      'text',
      Symbol('s'),
      Object.create(null),
      hostile,
      nameless,
      new Error('\ud800'.repeat(20_000)),
    ]
    const described = thrown.map((error, index) => {
      const event = storedEvent(index + 1, `a-${index}`, 1)
      held.hold({ event, error }, [event])
      const { name, message } = held.get(event)?.failure ?? assert.fail('it is held')
      assert.ok(message.isWellFormed() && message.length <= 10_000)
      return [name, message.slice(0, 20)]
    })
    assert.deepEqual(described.slice(0, 6), [
      ['unknown', 'undefined'],
      ['unknown', 'text'],
      ['unknown', 'Symbol(s)'],
      ['unknown', 'something was thrown'],
      ['Error', 'something was thrown'],
      ['5', 'y'],
    ])
  })
})
