/** Time that tests move, and stored events that they make up. Tested itself when it is run by itself. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import { settle } from '../sample-account.test.ts'
import type { Clock } from './clock.ts'

/** A clock that stands still until a test moves it. */
export function manualClock(start: number = Date.UTC(2026, 0, 1)) {
  let time = start
  const timers = new Set<{ readonly at: number; readonly callback: () => void }>()
  const clock: Clock = {
    now: () => time,
    schedule: (callback, delayMs) => {
      const timer = { at: time + delayMs, callback }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
  }
  /** Lets time pass, timer by timer, and lets everything run that can. */
  const pass = async (milliseconds: number): Promise<void> => {
    const until = time + milliseconds
    for (;;) {
      await settle()
      const [next] = [...timers].filter(({ at }) => at <= until).sort((one, other) => one.at - other.at)
      if (next === undefined) break
      timers.delete(next)
      time = Math.max(time, next.at)
      next.callback()
    }
    time = until
    await settle()
  }
  return { ...clock, pass }
}

/** @returns a stored deposit */
export function storedEvent(position: number, aggregateId = 'a-1', sequence: number = position): DomainEventEnvelope {
  return {
    eventId: `e-${position}`,
    aggregateType: 'Account',
    aggregateId,
    sequence,
    position,
    eventType: 'Deposited',
    schemaVersion: 1,
    eventData: { amount: 1 },
    metadata: {
      correlationId: 'c',
      causationId: 'c',
    },
    timestamp: '2026-01-01T00:00:00.000Z',
  }
}

if (import.meta.main) {
  test('time passes timer by timer', async () => {
    const clock = manualClock(0)
    const heard: number[] = []
    clock.schedule(() => heard.push(clock.now()), 20)
    clock.schedule(() => clock.schedule(() => heard.push(clock.now()), 5), 10)
    clock.schedule(() => assert.fail('called off'), 5)()
    await clock.pass(19)
    assert.deepEqual(heard, [15])
    await clock.pass(1)
    assert.deepEqual([heard, clock.now()], [[15, 20], 20])
  })
}
