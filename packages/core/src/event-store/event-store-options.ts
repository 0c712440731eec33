/** Limits and option checks that every event store shares. */

import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import { ValidationError } from '../errors/input-errors.ts'
import type { EventStoreLimits, LoadEventsOptions, ReadEventsOptions, SubscribeOptions } from './event-store.ts'
import { type SubjectMatcher, subjectMatcher } from './subject-pattern.ts'

/** 1 MiB per event and 1,000 events per append, as JetStream can carry, and 16 MiB for all events of an append. */
export const defaultLimits: EventStoreLimits = {
  maxEventBytes: 1_048_576,
  maxEventsPerAppend: 1000,
  maxAppendBytes: 16_777_216,
}

const maxPage = 10_000

/** {@link ReadEventsOptions} with defaults filled in. */
export interface CheckedReadOptions {
  readonly matchesSubject: SubjectMatcher
  readonly aggregateType: string | undefined
  readonly correlationId: string | undefined
  readonly afterPosition: number
  /** Milliseconds since 1970. */
  readonly fromTime: number
  /** Milliseconds since 1970, exclusive. */
  readonly beforeTime: number
  readonly limit: number
}

/**
 * @param options as they came
 * @throws {InvalidOptionError | ValidationError} when one of them is not acceptable
 */
export function checkReadOptions(options: ReadEventsOptions | undefined): CheckedReadOptions {
  checkOptions('readEvents', options, [
    'subjectPatterns',
    'aggregateType',
    'correlationId',
    'afterPosition',
    'fromTimestamp',
    'beforeTimestamp',
    'limit',
  ])
  return {
    matchesSubject: subjectMatcher(options?.subjectPatterns ?? 'events.>'),
    aggregateType: options?.aggregateType,
    correlationId: options?.correlationId,
    afterPosition: checkWholeNumber('readEvents', 'afterPosition', options?.afterPosition ?? 0, { least: 0 }),
    fromTime: parseTimestamp(options?.fromTimestamp, '/fromTimestamp', Number.NEGATIVE_INFINITY),
    beforeTime: parseTimestamp(options?.beforeTimestamp, '/beforeTimestamp', Number.POSITIVE_INFINITY),
    limit: checkWholeNumber('readEvents', 'limit', options?.limit ?? 1000, { least: 1, most: maxPage }),
  }
}

/** {@link LoadEventsOptions} with defaults filled in. */
export type CheckedLoadOptions = Required<LoadEventsOptions>

/**
 * @param options as they came
 * @throws {InvalidOptionError} when one of them is not acceptable
 */
export function checkLoadOptions(options: LoadEventsOptions | undefined): CheckedLoadOptions {
  checkOptions('loadEvents', options, ['fromVersion', 'toVersion', 'limit'])
  const most = Number.MAX_SAFE_INTEGER
  return {
    fromVersion: Math.max(1, checkWholeNumber('loadEvents', 'fromVersion', options?.fromVersion ?? 1, { least: 0 })),
    toVersion: checkWholeNumber('loadEvents', 'toVersion', options?.toVersion ?? most, { least: 0 }),
    limit: checkWholeNumber('loadEvents', 'limit', options?.limit ?? most, { least: 0 }),
  }
}

/**
 * @param options as they came
 * @returns position and batch size with defaults filled in
 */
export function checkSubscribeOptions(options: SubscribeOptions | undefined): {
  readonly afterPosition: number
  readonly batchSize: number
} {
  checkOptions('subscribe', options, ['afterPosition', 'batchSize', 'signal'])
  return {
    afterPosition: checkWholeNumber('subscribe', 'afterPosition', options?.afterPosition ?? 0, { least: 0 }),
    batchSize: checkWholeNumber('subscribe', 'batchSize', options?.batchSize ?? 1000, { least: 1, most: maxPage }),
  }
}

const isoTimestamp = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/

/**
 * @param text an ISO-8601 date, or date and time with a zone; undefined gives the fallback
 * @param pointer where it stood, for the message
 * @param fallback milliseconds since 1970
 * @returns milliseconds since 1970
 * @throws {ValidationError} when it is something else
 */
export function parseTimestamp(text: string | undefined, pointer: string, fallback: number): number {
  if (text === undefined) return fallback
  const date = isoTimestamp.exec(text)?.[1]
  const time = date === undefined ? Number.NaN : Date.parse(text)
  // Date.parse takes February 30th for March 2nd.
  if (!Number.isNaN(time) && new Date(`${date}T00:00Z`).toISOString().startsWith(`${date}T`)) return time
  throw new ValidationError('timestamp', [
    {
      pointer,
      message: `must be ISO-8601 with a time zone, for instance 2026-06-15T12:00:00Z, got ${JSON.stringify(text)}`,
    },
  ])
}
