import { BranchEventStore, MemoryEventStore } from '@cim/core'
import { eventStoreConformance } from '@cim/testing'
import { noted, person } from './sample-events.ts'

eventStoreConformance('a branch of an empty store', ({ now }) => {
  const eventStore = new MemoryEventStore({ now })
  return { store: new BranchEventStore({ eventStore, position: 0, now }) }
})

eventStoreConformance('a branch at the beginning of a store with events', async ({ now }) => {
  const eventStore = new MemoryEventStore({ now })
  const aggregates = [person('ada'), person('bob'), person('race-1-0'), { aggregateType: 'Team', aggregateId: 't' }]
  for (const aggregate of aggregates) {
    const command = { commandId: 'hire-1', fingerprint: 99 }
    const events = noted(3, 1000).map((event) => ({
      ...event,
      metadata: { commandId: 'hire-1', correlationId: 'c-1' },
    }))
    await eventStore.appendEvents(aggregate, events, { expectedVersion: 0, command })
  }
  return { store: new BranchEventStore({ eventStore, position: 0, now }) }
})
