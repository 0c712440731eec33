/** A whole application with the scripted saga, in a time that a test moves. Tested itself when it is run by itself. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Application } from '../application/application.ts'
import type { ApplicationOptions } from '../application/application-options.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import type { ViewStore } from '../read-side/view-store.ts'
import type { AggregateDefinition } from '../write-side/aggregate.ts'
import { deadline } from './saga-outcome.ts'
import { order, plan, type Script, scripted } from './sample-script.test.ts'

/** The system's timers, and a time of its own. */
export class LooseClock {
  time: number = Date.UTC(2026, 0, 1)
  readonly now = (): number => this.time
  readonly schedule = (callback: () => void, delayMs: number): (() => void) => {
    // What waits for a time of day is woken soon, and looks at the clock.
    const timer = setTimeout(callback, Math.min(delayMs, 5))
    return () => clearTimeout(timer)
  }
}

/** Stores that outlive an application. */
export interface SampleStores {
  readonly eventStore: EventStore
  readonly viewStore: ViewStore
  readonly clock: LooseClock
}

export function sampleStores(): SampleStores {
  const clock = new LooseClock()
  return { eventStore: new MemoryEventStore({ now: clock.now }), viewStore: new MemoryViewStore(), clock }
}

/** @returns an application, not started yet */
export function sampleApplication(stores: SampleStores = sampleStores(), options: Partial<ApplicationOptions> = {}) {
  const { eventStore, viewStore, clock } = stores
  const errors: unknown[] = []
  const application = new Application({
    ...{ eventStore, viewStore, now: clock.now },
    aggregates: [plan as unknown as AggregateDefinition],
    sagas: [scripted],
    onSagaError: (error) => errors.push(error),
    ...options,
    processors: {
      ...{ clock, random: () => 0, onError: (error: unknown) => errors.push(error) },
      failures: { retryDelay: { firstMs: 0, mostMs: 0 } },
      ...options.processors,
    },
  })
  const begin = (sagaId: string, script: Script = {}) =>
    application.dispatch(plan.command('Begin', script, { aggregateId: plan.id(sagaId) }))
  const note = (planId: string, script: Script = {}) =>
    application.dispatch(plan.command('Note', script, { aggregateId: plan.id(planId) }))
  const saga = async (sagaId: string) =>
    (await application.sagas.get('Scripted', sagaId)) ?? assert.fail(`There is no saga ${sagaId}.`)
  /** What the target of all orders has done. */
  const done = async () => {
    const events = await eventStore.loadEvents({ aggregateType: 'Plan', aggregateId: 'target' })
    return events.map(({ eventData }) => (eventData as { readonly name: string }).name)
  }
  /** Waits until nothing is under way but what waits for its time. */
  const settled = async (): Promise<void> => {
    const { processing } = application
    for (let quiet = 0, head = -1; quiet < 3; ) {
      for (const name of processing.processorNames) await processing.drain(name)
      const { due } = await dueNow()
      const isRetrying = (await processing.list()).some(({ deadLetters }) => deadLetters.retryingSequences > 0)
      const now = await eventStore.headPosition()
      quiet = now === head && !due && !isRetrying ? quiet + 1 : 0
      head = now
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
  const dueNow = async () => {
    const running = await application.sagas.find({ sagaName: 'Scripted', limit: 10_000 })
    const deadlines = running.flatMap((view) => view.deadlines)
    return { due: deadlines.some(({ dueAt }) => Date.parse(dueAt) <= clock.now()) }
  }
  return { ...stores, application, begin, note, saga, done, settled, errors }
}

if (import.meta.main) {
  test('the sample application runs the scripted saga', { timeout: 10_000 }, async () => {
    const { application, begin, saga, settled, done, clock } = sampleApplication()
    await using _ = application
    await application.start()
    const ring = { gives: { commands: [order('rung')], completed: true } }
    await begin('a', { gives: { commands: [order('one')], deadlines: [deadline('Bell', { afterMs: 60_000 }, ring)] } })
    await settled()
    assert.deepEqual(await done(), ['one'])
    clock.time += 60_000
    await settled()
    assert.deepEqual([(await saga('a')).status, await done()], ['Completed', ['one', 'rung']])
  })
}
