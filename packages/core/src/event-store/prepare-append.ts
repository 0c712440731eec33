/** The checks that every event store makes before it appends. */

import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import { InvalidEventError } from '../errors/event-errors.ts'
import { PayloadTooLargeError, ValidationError, type ValidationIssue } from '../errors/input-errors.ts'
import { type AggregateRef, checkAggregateRef, isTypeName, problemWithId } from './aggregate-ref.ts'
import type { NewEvent } from './domain-event-envelope.ts'
import type { EventMetadata } from './event-metadata.ts'
import type { AppendOptions, CommandIdentity, CommandRecord, EventStoreLimits } from './event-store.ts'
import { type EncodedJson, encodeJson } from './json.ts'

/** An event that passed the checks, with its data as JSON text. */
export interface PreparedEvent {
  readonly eventId: string
  readonly eventType: string
  readonly schemaVersion: number
  /** What reading `text` back gives. */
  readonly eventData: unknown
  readonly text: string
  readonly metadata: EventMetadata
}

const noMetadata: EventMetadata = Object.freeze({})
const metadataNames: ReadonlySet<string> = new Set(['correlationId', 'causationId', 'commandId', 'userId', 'sessionId'])

/**
 * Checks an append as far as that is possible without the store's content.
 * @param aggregate whose events these are
 * @param events those that came
 * @param options the options that came
 * @param limits the store's
 * @param newEventId makes the id of an event that has none
 * @throws {ValidationError | InvalidEventError | PayloadTooLargeError} as {@link EventStore.appendEvents} says
 */
export function prepareAppend(
  aggregate: AggregateRef,
  events: readonly NewEvent[],
  options: AppendOptions,
  limits: EventStoreLimits,
  newEventId: () => string,
): readonly PreparedEvent[] {
  checkAggregateRef(aggregate)
  checkOptions('appendEvents', options, ['expectedVersion', 'command'])
  if (options.expectedVersion !== 'any')
    checkWholeNumber('appendEvents', 'expectedVersion', options.expectedVersion, { least: 0 })
  if (options.command !== undefined) checkCommandIdentity(options.command)
  if (events.length === 0)
    throw new ValidationError('append', [{ pointer: '/events', message: 'must hold at least one event' }])
  if (events.length > limits.maxEventsPerAppend) {
    throw new PayloadTooLargeError(
      `Append to ${aggregate.aggregateType}`,
      limits.maxEventsPerAppend,
      events.length,
      'events',
    )
  }
  const prepared = events.map((event) => prepareEvent(event, options.command, limits, newEventId))
  const texts = prepared.map(({ text }) => text)
  checkBytes(`Append to ${aggregate.aggregateType}`, texts, limits.maxAppendBytes)
  return prepared
}

/**
 * Checks the outcome of a command before it is recorded.
 * @param aggregate the aggregate that the command addressed
 * @param record what came
 * @throws {ValidationError | InvalidOptionError} when an id or the fingerprint is not acceptable
 */
export function checkCommandRecord(aggregate: AggregateRef, record: CommandRecord): void {
  checkAggregateRef(aggregate)
  checkCommandIdentity(record)
  const { status, version, position, timestamp, reason } = record
  checkWholeNumber('command', 'version', version, { least: 0 })
  checkWholeNumber('command', 'position', position, { least: 0 })
  const issues: ValidationIssue[] = []
  const expect = (isGood: boolean, pointer: string, message: string): void => {
    if (!isGood) issues.push({ pointer, message })
  }
  expect(status === 'Accepted' || status === 'Rejected', '/status', 'must be Accepted or Rejected')
  expect(typeof timestamp === 'string', '/timestamp', 'must be a string')
  if (reason !== undefined) {
    expect(typeof reason.code === 'string', '/reason/code', 'must be a string')
    expect(typeof reason.message === 'string', '/reason/message', 'must be a string')
  }
  if (issues.length > 0) throw new ValidationError('outcome of a command', issues)
}

function checkCommandIdentity({ commandId, fingerprint }: CommandIdentity): void {
  checkId(commandId, 'command id', '/command/commandId')
  checkWholeNumber('command', 'fingerprint', fingerprint, { least: Number.MIN_SAFE_INTEGER })
}

function prepareEvent(
  event: NewEvent,
  command: CommandIdentity | undefined,
  limits: EventStoreLimits,
  newEventId: () => string,
): PreparedEvent {
  if (!isTypeName(event.eventType)) {
    throw new ValidationError('event type', [
      {
        pointer: '/eventType',
        message: `must be a letter, then letters, digits, '_' or '-', got ${JSON.stringify(event.eventType)}`,
      },
    ])
  }
  const schemaVersion = checkWholeNumber('appendEvents', 'schemaVersion', event.schemaVersion ?? 1, { least: 1 })
  const eventId = event.eventId ?? newEventId()
  if (event.eventId !== undefined) checkId(eventId, 'event id', '/eventId')
  const metadata = checkMetadata(event.metadata ?? noMetadata)
  if (command !== undefined && metadata.commandId !== command.commandId) {
    throw new ValidationError('event metadata', [
      {
        pointer: '/metadata/commandId',
        message: `must be the id of the command, ${JSON.stringify(command.commandId)}`,
      },
    ])
  }
  let encoded: EncodedJson
  try {
    encoded = encodeJson(event.eventData)
  } catch (cause) {
    throw new InvalidEventError(event.eventType, cause instanceof Error ? cause.message : String(cause), { cause })
  }
  const { text, value: eventData } = encoded
  checkBytes(`Event ${event.eventType}`, [text], limits.maxEventBytes)
  return { eventId, eventType: event.eventType, schemaVersion, eventData, text, metadata }
}

/** @returns a copy without properties that are undefined: the writer may go on changing its own object */
function checkMetadata(metadata: EventMetadata): EventMetadata {
  const copy: Record<string, string | undefined> = { ...metadata }
  let good: unknown
  for (const name of Object.keys(copy)) {
    const value = copy[name]
    if (!metadataNames.has(name)) {
      throw new ValidationError('event metadata', [
        { pointer: `/metadata/${name}`, message: `is unknown. Known: ${[...metadataNames].join(', ')}` },
      ])
    }
    if (value === undefined) delete copy[name]
    // Correlation, causation and command are one id for the events of a root command.
    else if (value !== good) checkId(value, 'event metadata', `/metadata/${name}`)
    good = value
  }
  return copy
}

function checkId(id: unknown, subject: string, pointer: string): void {
  const problem = problemWithId(id)
  if (problem !== undefined) throw new ValidationError(subject, [{ pointer, message: problem }])
}

const utf8 = new TextEncoder()

function checkBytes(subject: string, texts: readonly string[], limit: number): void {
  // A UTF-16 code unit takes 1 to 3 bytes in UTF-8: count only when it may matter.
  const units = texts.reduce((sum, text) => sum + text.length, 0)
  if (units * 3 <= limit) return
  const bytes = units > limit ? units : texts.reduce((sum, text) => sum + utf8.encode(text).length, 0)
  if (bytes > limit) throw new PayloadTooLargeError(subject, limit, bytes, 'bytes')
}
