import { MemoryEventStore } from '@cim/core'
import { eventStoreConformance } from '@cim/testing'

eventStoreConformance('memory', ({ now }) => ({ store: new MemoryEventStore({ now }) }))
