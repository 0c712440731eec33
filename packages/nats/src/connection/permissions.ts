/** What a user of the NATS servers must be allowed, and nothing more. */

/**
 * `writer`: a `JetStreamEventStore` that appends. `reader`: one that only reads and subscribes. `consumer`: a `NatsConsumer`
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
    inboxPrefix = '_INBOX',
  } = options
  const before = subjectPrefix === undefined ? '' : `${subjectPrefix}.`
  const requests = [`${before}commands.>`, `${before}queries.>`]
  const byRole = {
    writer: () => [
      ...['events', 'outcomes', 'snapshots'].map((root) => `${before}${root}.>`),
      ...readingStore(streamName),
    ],
    reader: () => readingStore(streamName),
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

function readingStore(stream: string): readonly string[] {
  const snapshots = `${stream}-snapshots`
  return [
    ...[stream, snapshots].flatMap((name) => reading(name)),
    // The store makes this stream when it is missing, and takes the one that is there.
    `$JS.API.STREAM.CREATE.${snapshots}`,
    // Wakes those who follow the log: consumers without a name of their own, which the servers remove by themselves.
    `$JS.API.CONSUMER.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.INFO.${stream}.*`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
  ]
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
