import { MemorySnapshotStore } from '@cim/core'
import { snapshotStoreConformance } from '@cim/testing'

snapshotStoreConformance('memory', () => ({ store: new MemorySnapshotStore() }))
