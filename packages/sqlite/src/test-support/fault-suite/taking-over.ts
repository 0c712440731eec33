/** Two processes that want to run the same processor, and the events that both know. */

import { MemoryEventStore } from '@cim/core'
import { commandsOf } from './plan-life.ts'

/** What one of the two processes does. */
export interface Rival {
  readonly seed: number
  readonly processor: 'LedgerView' | 'WatcherView' | 'Letters'
  /** Where the first owner stops until it is continued. */
  readonly fault?: { readonly point: string; readonly occurrence: number; readonly signal: 'SIGSTOP' }
}

/** Points inside a step, by processor: whoever stops there has the processor. */
export const stoppingPoints: Readonly<Record<Rival['processor'], readonly string[]>> = {
  LedgerView: ['viewStore.commit:before', 'viewStore.commit:after', 'viewStore.getMany:after', 'handler.ledger:after'],
  WatcherView: [
    'viewStore.commit:before',
    'viewStore.find:before',
    'handler.watcher:before',
    'eventStore.nextBatch:after',
  ],
  Letters: ['progressStore.saveProgress:before', 'progressStore.saveProgress:after', 'handler.letters:before'],
}

/** @returns the same events for the same seed, in any process */
export async function openRivalEvents(seed: number): Promise<MemoryEventStore> {
  let ids = 0
  const store = new MemoryEventStore({ now: () => 0, newId: () => `e-${++ids}` })
  for (let writer = 0; writer < 12; writer++) {
    for (const { aggregateId, data } of commandsOf({ seed, number: 1, actions: [] }, writer)) {
      const { size, group } = data
      const eventType = data.eventType === 'Hung' ? 'Added' : data.eventType
      const eventData = { group, failures: 1 }
      const events = Array.from({ length: Math.min(size, 3) }, () => ({ eventType, eventData }))
      await store.appendEvents({ aggregateType: 'Entry', aggregateId }, events, { expectedVersion: 'any' })
    }
  }
  return store
}
