/** Events, and stores to put them in, that the tests of this package share. */

import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { AggregateRef, DomainEventEnvelope, EventStore, NewEvent } from '@cim/core'
import { SqliteEventStore, type SqliteEventStoreInternals } from '../sqlite-event-store.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** @param aggregateId any acceptable id */
export function person(aggregateId: string): AggregateRef {
  return { aggregateType: 'Person', aggregateId }
}

/**
 * @param count how many events
 * @param text what each holds besides its number
 */
export function noted(count: number, text = ''): NewEvent[] {
  return Array.from({ length: count }, (_, index) => ({ eventType: 'Noted', eventData: { number: index + 1, text } }))
}

/** @returns every event of the store in the order of positions */
export async function allEvents(store: EventStore): Promise<readonly DomainEventEnvelope[]> {
  const events: DomainEventEnvelope[] = []
  for (let afterPosition = 0; ; ) {
    const page = await store.readEvents({ afterPosition, limit: 10_000 })
    events.push(...page.events)
    if (page.isEnd) return events
    afterPosition = page.position
  }
}

/** A store in a folder of its own; both are gone after the test. */
export function openTemporaryStore(
  context: TestContext,
  internals?: SqliteEventStoreInternals,
): { readonly path: string; readonly store: SqliteEventStore } {
  const path = join(temporaryFolder(context), 'events.db')
  return { path, store: openStore(context, path, internals) }
}

/** A store that is closed after the test at the latest. */
export function openStore(context: TestContext, path: string, internals?: SqliteEventStoreInternals): SqliteEventStore {
  const store = new SqliteEventStore({ path }, internals)
  context.after(() => store.close())
  return store
}
