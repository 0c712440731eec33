/** The NATS JetStream adapters of CIM for TypeScript. */

// Connecting
export { natsClientOptions } from './connection/client-options.ts'
export { connectToNats } from './connection/connect-to-nats.ts'
export type { NatsConnectionOptions, NatsTlsOptions } from './connection/connection-options.ts'
export {
  type NatsPermissions,
  type NatsPermissionsOptions,
  type NatsRole,
  natsPermissions,
} from './connection/permissions.ts'
// Consuming
export type { ConsumedContext, ConsumedEventHandler, NatsConsumerOptions } from './consume/consumer-options.ts'
export { type ConsumerLag, NatsConsumer, type ParkedLane } from './consume/nats-consumer.ts'
export type { ParkedEvent, ParkedFailure } from './consume/parked-events.ts'
// Event store
export { JetStreamEventStore } from './jetstream-event-store.ts'
export type { JetStreamEventStoreOptions } from './jetstream-options.ts'
// Processing
export { JetStreamProgressStore } from './progress/jetstream-progress-store.ts'
export type { JetStreamProgressStoreOptions } from './progress/progress-options.ts'
// Publishing
export { NatsEventPublisher, type NatsEventPublisherOptions } from './publisher/nats-event-publisher.ts'
export type { PublishedStream } from './publisher/published-stream.ts'
// Commands and queries
export { UncheckedSubjectsError } from './service/captured-subjects.ts'
export { NatsClient, type NatsClientOptions, type RequestOptions } from './service/nats-client.ts'
export { NatsService } from './service/nats-service.ts'
export type { NatsPrincipal, NatsRequest, NatsServiceOptions } from './service/nats-service-options.ts'
export {
  NoReplySubjectError,
  RemoteProblemError,
  ReplyTooLargeError,
  ServiceBusyError,
  ServiceTimeoutError,
  ServiceUnreachableError,
  SubjectCapturedError,
} from './service/service-errors.ts'
// Several streams behind one event store
export type { ShardBy } from './sharding/shard-rule.ts'
export { ShardedJetStreamEventStore } from './sharding/sharded-jetstream-event-store.ts'
export type { ShardedJetStreamEventStoreOptions } from './sharding/sharded-options.ts'
export type { StreamDifference } from './stream/stream-difference.ts'
export { UnsafeStreamError } from './stream/unsafe-stream-error.ts'
// Wire forms
export { decodeAcknowledgment, encodeAcknowledgment } from './wire/acknowledgment-codec.ts'
export type { EventCodec } from './wire/event-codec.ts'
export { decodeEventMessage, eventCodecs } from './wire/event-codecs.ts'
export { decodeCommand, decodeQuery, encodeCommand, encodeQuery } from './wire/request-codec.ts'
export type { ReceivedMessage, WireForm, WireHeaders, WireMessage } from './wire/wire-message.ts'
