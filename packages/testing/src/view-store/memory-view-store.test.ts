import { MemoryViewStore } from '@cim/core'
import { viewStoreConformance } from '@cim/testing'

viewStoreConformance('memory', () => ({ store: new MemoryViewStore() }))
