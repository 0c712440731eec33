/** The NATS JetStream adapters of CIM for TypeScript. */

export { JetStreamEventStore } from './jetstream-event-store.ts'
export type { JetStreamEventStoreOptions } from './jetstream-options.ts'
export type { StreamDifference } from './stream/stream-difference.ts'
export { UnsafeStreamError } from './stream/unsafe-stream-error.ts'
