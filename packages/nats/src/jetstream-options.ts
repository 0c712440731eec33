/** Options of the JetStream event store. */

import { checkOptions, checkWholeNumber, defaultLimits, type EventStoreLimits, InvalidOptionError } from '@cim/core'
import { mostBytesAroundData } from './messages/event-message.ts'
import { acceptableSettings } from './stream/stream-difference.ts'

/**
 * A `NatsConnection` of `@nats-io/nats-core`, described by a part of it: its own declarations do not pass
 * `exactOptionalPropertyTypes`, and would fail the check of whoever uses that.
 */
export interface OpenConnection {
  isClosed(): boolean
  getServer(): string
  close(): Promise<void>
}

/** Options of {@link JetStreamEventStore.open}. */
export interface JetStreamEventStoreOptions {
  /** Where the servers are, for instance `nats://127.0.0.1:4222`. Several of one cluster are tried in turn. */
  readonly servers?: string | readonly string[]
  /**
   * How to connect besides, as `connect` of `@nats-io/transport-node` takes it: `user` and `pass`, `token`, `tls`,
   * `authenticator`.
   */
  readonly connect?: Readonly<Record<string, unknown>>
  /** A connection of `@nats-io/transport-node` to use instead. It is left open when the store closes. */
  readonly connection?: OpenConnection
  /** The stream to keep events in; `EVENTS` when left out. It is made when it does not exist. */
  readonly streamName?: string
  /** Stands before all subjects, so that several stores share an account: `shop` gives `shop.events.>`. */
  readonly subjectPrefix?: string
  /** How many servers keep each event: 1, 3 or 5. When left out, 3 in a cluster, 1 on a single server. */
  readonly replicas?: number
  /** Settings of the stream that are less safe than wanted, and accepted as they are. */
  readonly allowUnsafe?: readonly string[]
  /**
   * Who is asked how far an aggregate is. `leader` (the default): each load sees every append that was acknowledged before it
   * began, by whatever process. `any`: the nearest replica alone, which may be a moment behind; appends are checked either way.
   */
  readonly reads?: 'leader' | 'any'
  /** The clock, milliseconds since 1970. */
  readonly now?: () => number
  /** Makes event ids. */
  readonly newId?: () => string
  readonly limits?: Partial<EventStoreLimits>
  /** How long a server may take to answer before it is asked again; 2,000 when left out. */
  readonly requestTimeoutMs?: number
  /** How long a call is tried again while no server answers; 30,000 when left out. */
  readonly giveUpAfterMs?: number
  /** How many aggregates and commands to remember, counted together; 100,000 when left out, about 50 MB. */
  readonly maxRemembered?: number
}

/** {@link JetStreamEventStoreOptions} with defaults filled in. */
export interface CheckedJetStreamOptions extends JetStreamEventStoreOptions {
  readonly streamName: string
  /** With its dot, or empty. */
  readonly prefix: string
  readonly requestTimeoutMs: number
  readonly giveUpAfterMs: number
  readonly maxRemembered: number
}

const subject = 'JetStreamEventStore'
const namePattern = /^[A-Za-z0-9_-]{1,200}$/
const prefixPattern = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/

/** @throws {InvalidOptionError} when one of them is not acceptable */
export function checkJetStreamOptions(options: JetStreamEventStoreOptions): CheckedJetStreamOptions {
  checkOptions(subject, options, [
    'servers',
    'connect',
    'connection',
    'streamName',
    'subjectPrefix',
    'replicas',
    'allowUnsafe',
    'reads',
    'now',
    'newId',
    'limits',
    'requestTimeoutMs',
    'giveUpAfterMs',
    'maxRemembered',
  ])
  const { servers, connection, streamName = 'EVENTS', subjectPrefix, replicas, reads } = options
  if ((servers === undefined) === (connection === undefined)) {
    throw new InvalidOptionError(subject, 'servers', 'or connection must be given, and not both.')
  }
  if (!namePattern.test(streamName)) {
    throw new InvalidOptionError(
      subject,
      'streamName',
      `must be letters, digits, '_' or '-', got ${JSON.stringify(streamName)}.`,
    )
  }
  if (subjectPrefix !== undefined && !prefixPattern.test(subjectPrefix)) {
    const found = JSON.stringify(subjectPrefix)
    throw new InvalidOptionError(
      subject,
      'subjectPrefix',
      `must be tokens of letters, digits, '_' or '-' with dots between them, got ${found}.`,
    )
  }
  if (replicas !== undefined) checkWholeNumber(subject, 'replicas', replicas, { least: 1, most: 5 })
  if (reads !== undefined && reads !== 'leader' && reads !== 'any') {
    throw new InvalidOptionError(subject, 'reads', `must be 'leader' or 'any', got ${JSON.stringify(reads)}.`)
  }
  for (const setting of options.allowUnsafe ?? []) {
    if (acceptableSettings.includes(setting)) continue
    const known = acceptableSettings.join(', ')
    throw new InvalidOptionError(subject, 'allowUnsafe', `has the unknown setting ${setting}. Known: ${known}.`)
  }
  const whole = (name: 'requestTimeoutMs' | 'giveUpAfterMs' | 'maxRemembered', otherwise: number): number =>
    checkWholeNumber(subject, name, options[name] ?? otherwise, { least: 1 })
  return {
    ...options,
    streamName,
    prefix: subjectPrefix === undefined ? '' : `${subjectPrefix}.`,
    requestTimeoutMs: whole('requestTimeoutMs', 2000),
    giveUpAfterMs: whole('giveUpAfterMs', 30_000),
    maxRemembered: whole('maxRemembered', 100_000),
  }
}

/** @returns the limits of a store: a message must carry the event with all that stands around it */
export function fittingLimits(wanted: Partial<EventStoreLimits> | undefined, maxPayload: number): EventStoreLimits {
  const most = maxPayload - mostBytesAroundData
  const limits = { ...defaultLimits, maxEventBytes: Math.min(defaultLimits.maxEventBytes, most), ...wanted }
  if (limits.maxEventBytes > most) {
    throw new InvalidOptionError(
      'JetStreamEventStore',
      'limits',
      `ask for events of ${limits.maxEventBytes} bytes, the server takes ${most}: raise its max_payload (now ${maxPayload}).`,
    )
  }
  if (limits.maxEventsPerAppend > defaultLimits.maxEventsPerAppend) {
    throw new InvalidOptionError(
      'JetStreamEventStore',
      'limits',
      `ask for ${limits.maxEventsPerAppend} events per append, a server takes ${defaultLimits.maxEventsPerAppend}.`,
    )
  }
  return limits
}
