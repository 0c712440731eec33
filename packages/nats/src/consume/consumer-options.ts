/** Options of a durable consumer. */

import {
  type CheckedFailurePolicy,
  checkOptions,
  checkRetryDelay,
  checkWholeNumber,
  classifyFailure,
  type DomainEventEnvelope,
  type FailurePolicy,
  InvalidOptionError,
  subjectMatcher,
} from '@cim/core'
import type { NatsConnectionOptions } from '../connection/connection-options.ts'
import { decodeEventMessage } from '../wire/event-codecs.ts'
import type { ReceivedMessage } from '../wire/wire-message.ts'

/** What a handler is told besides the event. */
export interface ConsumedContext {
  /**
   * The same however often the event comes: give it to whoever receives an effect of the handler, so that a repetition is
   * recognised there.
   */
  readonly eventId: string
  /** The event's place in the stream. */
  readonly position: number
  /** Which attempt of this process it is, from 1. */
  readonly attempt: number
  /** How often the server has handed the event out, to whatever process, from 1. */
  readonly deliveryCount: number
  /** Aborts when the handler takes too long, or another process has taken over: nothing should be begun after it. */
  readonly signal: AbortSignal
}

/** Handles one event. When it returns, the event is done; when it throws, it is tried again. */
export type ConsumedEventHandler = (event: DomainEventEnvelope, context: ConsumedContext) => void | Promise<void>

/** Something that the consumer deals with by itself, and somebody should know of. */
export type ConsumerProblem = (error: unknown) => void

/** Options of {@link NatsConsumer.open}. */
export interface NatsConsumerOptions {
  /** How to reach the servers, and as whom. */
  readonly connect: NatsConnectionOptions
  /** Names the durable consumer: processes with the same name share its place in the stream, and one of them works at a time. */
  readonly name: string
  /** Which events, for instance `events.Person.*`. Patterns are compared as NATS does. */
  readonly patterns: string | readonly string[]
  readonly handler: ConsumedEventHandler
  /** The stream that holds the events; `EVENTS` when left out. It must exist. */
  readonly streamName?: string
  /** Stands before the subjects of events, as it was given to whoever writes them. */
  readonly subjectPrefix?: string
  /** Where a new consumer begins: with the oldest event (the default), or with what comes. */
  readonly from?: 'start' | 'end'
  /** When an event is tried again, and when it is parked; as for processors. */
  readonly failures?: FailurePolicy
  /** A handler that takes longer has failed; 30,000 when left out. */
  readonly handlerTimeoutMs?: number
  /** How many handlers run at once, for different aggregates; 16 when left out. */
  readonly concurrency?: number
  /** How many events are taken from the server and not done yet, at most; 256 when left out. */
  readonly maxInFlight?: number
  /** An event of a process that shows no sign of life is handed out again after so long; 30,000 when left out. */
  readonly ackWaitMs?: number
  /** Another process takes over when this one has not asked for events for so long, at most `ackWaitMs`; 6,000 when left out. */
  readonly takeOverAfterMs?: number
  /** An event that was handed out more often and never finished, as it ends the process each time, is parked; 20 when left out. */
  readonly maxDeliveries?: number
  /** How many event ids to remember, so that a repeated message is not handled again; 100,000 when left out. */
  readonly maxRemembered?: number
  /** Tells whether an event was handled before this process began, as the target of its effects knows it. */
  readonly isHandled?: (event: DomainEventEnvelope) => boolean | Promise<boolean>
  /** Reads a message; any of the wire forms when left out. */
  readonly decode?: (message: ReceivedMessage) => DomainEventEnvelope
  /** How many servers keep what is parked: 1, 3 or 5; as many as keep the stream when left out. */
  readonly replicas?: number
  /** Is told of failed attempts, parked events, lost connections and take-overs. */
  readonly onProblem?: ConsumerProblem
}

/** {@link NatsConsumerOptions} with defaults filled in. */
export type CheckedConsumerOptions = Required<
  Omit<NatsConsumerOptions, 'patterns' | 'subjectPrefix' | 'replicas' | 'failures'>
> & {
  readonly filterSubjects: readonly string[]
  readonly failures: CheckedFailurePolicy
  readonly replicas: number | undefined
}

const subject = 'NatsConsumer'
const known = [
  'connect',
  'name',
  'patterns',
  'handler',
  'streamName',
  'subjectPrefix',
  'from',
  'failures',
  'handlerTimeoutMs',
  'concurrency',
  'maxInFlight',
  'ackWaitMs',
  'takeOverAfterMs',
  'maxDeliveries',
  'maxRemembered',
  'isHandled',
  'decode',
  'replicas',
  'onProblem',
]
const namePattern = /^[A-Za-z0-9_-]{1,100}$/

/** @throws {InvalidOptionError | ValidationError} when one of them is not acceptable */
export function checkConsumerOptions(options: NatsConsumerOptions): CheckedConsumerOptions {
  checkOptions(subject, options, known)
  const { name, streamName = 'EVENTS', from = 'start', handler, replicas } = options
  checkName('name', name)
  checkName('streamName', streamName)
  if (typeof handler !== 'function') throw new InvalidOptionError(subject, 'handler', 'must be a function.')
  if (from !== 'start' && from !== 'end') {
    throw new InvalidOptionError(subject, 'from', `must be 'start' or 'end', got ${JSON.stringify(from)}.`)
  }
  if (replicas !== undefined) checkWholeNumber(subject, 'replicas', replicas, { least: 1, most: 5 })
  const ackWaitMs = checkWholeNumber(subject, 'ackWaitMs', options.ackWaitMs ?? 30_000, { least: 500 })
  return {
    connect: options.connect,
    name,
    handler,
    streamName,
    from,
    replicas,
    ackWaitMs,
    filterSubjects: filterSubjects(options.patterns, options.subjectPrefix),
    failures: checkedFailures(options.failures),
    handlerTimeoutMs: checkWholeNumber(subject, 'handlerTimeoutMs', options.handlerTimeoutMs ?? 30_000, { least: 1 }),
    concurrency: checkWholeNumber(subject, 'concurrency', options.concurrency ?? 16, { least: 1, most: 10_000 }),
    maxInFlight: checkWholeNumber(subject, 'maxInFlight', options.maxInFlight ?? 256, { least: 1, most: 10_000 }),
    // Life is shown four times in this time, and must be shown often enough within the other.
    takeOverAfterMs: checkWholeNumber(
      subject,
      'takeOverAfterMs',
      options.takeOverAfterMs ?? Math.min(6000, ackWaitMs),
      {
        least: 300,
        most: ackWaitMs,
      },
    ),
    maxDeliveries: checkWholeNumber(subject, 'maxDeliveries', options.maxDeliveries ?? 20, { least: 1 }),
    maxRemembered: checkWholeNumber(subject, 'maxRemembered', options.maxRemembered ?? 100_000, { least: 1 }),
    isHandled: options.isHandled ?? (() => false),
    decode: options.decode ?? decodeEventMessage,
    onProblem: options.onProblem ?? (() => undefined),
  }
}

function checkName(option: string, value: string): void {
  if (typeof value === 'string' && namePattern.test(value)) return
  const message = `must be 1 to 100 letters, digits, '_' or '-', got ${JSON.stringify(value)}.`
  throw new InvalidOptionError(subject, option, message)
}

function checkedFailures(policy: FailurePolicy = {}): CheckedFailurePolicy {
  checkOptions(`${subject} failures`, policy, ['maxAttempts', 'retryDelay', 'classify'])
  return {
    maxAttempts: checkWholeNumber(`${subject} failures`, 'maxAttempts', policy.maxAttempts ?? 5, { least: 1 }),
    retryDelay: checkRetryDelay(policy.retryDelay ?? { firstMs: 100, mostMs: 30_000 }),
    classify: policy.classify ?? classifyFailure,
  }
}

/** The subjects of events have the aggregate's id and the sequence behind the three tokens of a pattern. */
function filterSubjects(patterns: string | readonly string[], subjectPrefix?: string): readonly string[] {
  subjectMatcher(patterns)
  const before = subjectPrefix === undefined ? '' : `${subjectPrefix}.`
  return [patterns].flat().map((pattern: string) => {
    const tokens = pattern.split('.')
    if (tokens[0] === 'events' && tokens.at(-1) === '>') return before + pattern
    if (tokens[0] === 'events' && tokens.length === 3) return `${before}${pattern}.*.*`
    const message = `must be like events.>, events.Person.> or events.Person.PersonCreated, got ${JSON.stringify(pattern)}.`
    throw new InvalidOptionError(subject, 'patterns', message)
  })
}
