/** What a user of the NATS servers must be allowed, and nothing more. */

/**
 * `writer`: a `JetStreamEventStore` that appends. `reader`: one that only reads and subscribes; of a
 * `ShardedJetStreamEventStore`, it may also claim positions for events whose writer did not come to it. `consumer`: a `NatsConsumer`
 * on streams that somebody else has made. `service`: a `NatsService`, whose event store connects as another user. `client`: a
 * `NatsClient`.
 */
export type NatsRole = 'writer' | 'reader' | 'consumer' | 'service' | 'client'

/** What the permissions are for. */
export interface NatsPermissionsOptions {
  /** As for the store; `EVENTS` when left out. */
  readonly streamName?: string
  /** As for the store. */
  readonly subjectPrefix?: string
  /** How many streams keep the events of a `ShardedJetStreamEventStore`, for a `writer` or `reader` of one. */
  readonly shards?: number
  /** Name of the durable consumer; needed for the role `consumer`. */
  readonly consumerName?: string
  /** Durable consumers on the same stream that a `writer` or `reader` must leave alone. */
  readonly otherConsumers?: readonly string[]
  /** The user's own inboxes, as `inboxPrefix` of the connection; `_INBOX`, which lets it hear the replies of others, when left out. */
  readonly inboxPrefix?: string
}

/** Subjects that a user may publish to and subscribe to, as the servers' configuration has them. */
export interface NatsPermissions {
  readonly publish: readonly string[]
  /** What of it the user must not publish to nevertheless. */
  readonly denyPublish: readonly string[]
  readonly subscribe: readonly string[]
  /** Whether the user may answer requests, wherever the answer goes: `allow_responses` of the configuration. */
  readonly allowResponses: boolean
}

/** @returns the subjects that the role needs: everything else is refused by a server that allows no more */
export function natsPermissions(role: NatsRole, options: NatsPermissionsOptions = {}): NatsPermissions {
  const {
    streamName = 'EVENTS',
    subjectPrefix,
    consumerName = '',
    otherConsumers = [],
    shards,
    inboxPrefix = '_INBOX',
  } = options
  const before = subjectPrefix === undefined ? '' : `${subjectPrefix}.`
  const requests = [`${before}commands.>`, `${before}queries.>`]
  const byRole = {
    writer: () => [...writingStore(before, shards), ...readingStore(streamName, before, shards)],
    reader: () => readingStore(streamName, before, shards),
    consumer: () => consuming(streamName, consumerName),
    // Asks whether a stream takes the subjects of its requests.
    service: () => ['$JS.API.STREAM.NAMES'],
    client: () => requests,
  }
  const denyPublish = otherConsumers.flatMap((name) => [
    `$JS.API.CONSUMER.*.${streamName}.${name}`,
    `$JS.API.CONSUMER.CREATE.${streamName}.${name}.>`,
    `$JS.API.CONSUMER.MSG.NEXT.${streamName}.${name}`,
  ])
  const isStoreUser = role !== 'service' && role !== 'client'
  return {
    publish: [...(isStoreUser ? ['$JS.API.INFO'] : []), ...byRole[role]()],
    denyPublish,
    subscribe: [`${inboxPrefix}.>`, ...(role === 'service' ? requests : [])],
    allowResponses: role === 'service',
  }
}

function writingStore(before: string, shards: number | undefined): readonly string[] {
  const prefixes = shards === undefined ? [before] : ofEach(shards, (shard) => `${before}shard-${shard}.`)
  const roots = prefixes.flatMap((prefix) => [`${prefix}events.>`, `${prefix}outcomes.>`])
  return [...roots, `${before}snapshots.>`]
}

function readingStore(stream: string, before: string, shards: number | undefined): readonly string[] {
  const [snapshots, order] = [`${stream}-snapshots`, `${stream}-order`]
  const isSharded = shards !== undefined
  const streams = isSharded ? [...ofEach(shards, (shard) => `${stream}-${shard}`), order] : [stream]
  const followed = isSharded ? order : stream
  return [
    ...(isSharded ? [`${before}order.>`] : []),
    ...[...streams, snapshots].flatMap((name) => reading(name)),
    // The store makes this stream when it is missing, and takes the one that is there.
    `$JS.API.STREAM.CREATE.${snapshots}`,
    // Wakes those who follow the log: consumers without a name of their own, which the servers remove by themselves.
    `$JS.API.CONSUMER.CREATE.${followed}.>`,
    `$JS.API.CONSUMER.INFO.${followed}.*`,
    `$JS.API.CONSUMER.MSG.NEXT.${followed}.*`,
  ]
}

function ofEach(shards: number, name: (shard: number) => string): readonly string[] {
  return Array.from({ length: shards }, (_, index) => name(index + 1))
}

function reading(stream: string): readonly string[] {
  return ['STREAM.INFO', 'STREAM.MSG.GET', 'DIRECT.GET'].map((call) => `$JS.API.${call}.${stream}`)
}

function consuming(stream: string, consumer: string): readonly string[] {
  const [bucket, advisories] = [`${consumer}-parked`, `${consumer}-advisories`]
  return [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.STREAM.MSG.GET.${stream}`,
    ...['INFO', 'MSG.NEXT', 'UNPIN'].map((call) => `$JS.API.CONSUMER.${call}.${stream}.${consumer}`),
    `$JS.ACK.${stream}.${consumer}.>`,
    `$KV.${bucket}.>`,
    `$JS.API.STREAM.INFO.KV_${bucket}`,
    `$JS.API.DIRECT.GET.KV_${bucket}.>`,
    `$JS.API.CONSUMER.CREATE.KV_${bucket}.>`,
    `$JS.API.CONSUMER.INFO.KV_${bucket}.*`,
    `$JS.API.CONSUMER.DELETE.KV_${bucket}.*`,
    `$JS.API.STREAM.INFO.${advisories}`,
    `$JS.API.STREAM.MSG.GET.${advisories}`,
    `$JS.API.STREAM.MSG.DELETE.${advisories}`,
  ]
}
