/** Tests for what is built with CIM for TypeScript: scenarios for domains, conformance suites for adapters. */

// Conformance
export type { OpenedStore, OpeningOptions, OpenStore } from './conformance/opened-store.ts'
export { eventStoreConformance } from './event-store/event-store-conformance.ts'
export { snapshotStoreConformance } from './snapshot-store/snapshot-store-conformance.ts'
export { viewStoreConformance } from './view-store/view-store-conformance.ts'
