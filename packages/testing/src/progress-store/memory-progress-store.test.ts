import { MemoryProgressStore } from '@cim/core'
import { progressStoreConformance } from '@cim/testing'

progressStoreConformance('memory', () => ({ store: new MemoryProgressStore() }))
