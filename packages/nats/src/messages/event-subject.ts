/** Where messages of an aggregate stand in the stream. */

import { createHash } from 'node:crypto'
import type { AggregateRef } from '@cim/core'

// encodeURIComponent leaves these as they are; a dot, a star and a tilde could be taken for something else.
const leftByUri = /[.*!'()~]/g
/** What stays as it is, as nearly every id does. */
const ownToken = /^[A-Za-z0-9_-]+$/

/** @returns one token of a subject that tells the text from every other, undefined when there is none for it */
export function toToken(text: unknown): string | undefined {
  if (typeof text !== 'string' || text === '' || !text.isWellFormed()) return undefined
  if (ownToken.test(text)) return text
  return encodeURIComponent(text).replace(leftByUri, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** @returns the text behind a token, undefined when it is none of {@link toToken} */
export function fromToken(token: string): string | undefined {
  if (!token.includes('%')) return token
  try {
    return decodeURIComponent(token)
  } catch {
    return undefined
  }
}

/**
 * The subjects of one aggregate. Each version has a slot: `<root>.<Type>.<kind>.<id>.<version>`. In it stands the event
 * with that version (root `events`, kind is its type), and before it what became of commands that were decided on the
 * version before and made no events (root `outcomes`, kind is a hash of the command's id).
 *
 * Whoever writes to a slot names the newest message that it knows there, so that of an event and an outcome that race,
 * too, one comes first and the other's writer learns of it.
 */
export class AggregateSubjects {
  readonly #events: string
  readonly #outcomes: string
  readonly #any: string
  readonly #id: string

  private constructor(prefix: string, type: string, id: string) {
    this.#events = `${prefix}events.${type}`
    this.#outcomes = `${prefix}outcomes.${type}`
    this.#any = `${prefix}*.${type}`
    this.#id = id
  }

  /** @returns undefined for what cannot be an aggregate: nothing is stored under it */
  static of(prefix: string, { aggregateType, aggregateId }: AggregateRef): AggregateSubjects | undefined {
    const [type, id] = [toToken(aggregateType), toToken(aggregateId)]
    return type === undefined || id === undefined ? undefined : new AggregateSubjects(prefix, type, id)
  }

  event(eventType: string, sequence: number | '*'): string {
    return `${this.#events}.${eventType}.${this.#id}.${sequence}`
  }

  outcome(commandId: string, slot: number): string {
    return `${this.#outcomes}.${hashOf(commandId)}.${this.#id}.${slot}`
  }

  /**
   * The one spelling of the filter that every version check uses. A server with replicas compares the filters of messages
   * under way as text: of two spellings, both writers could win. One that matches nothing would switch the check off.
   */
  slot(version: number): string {
    return `${this.#any}.*.${this.#id}.${version}`
  }

  eventAt(sequence: number): string {
    return this.event('*', sequence)
  }

  get events(): string {
    return this.event('*', '*')
  }

  get outcomes(): string {
    return `${this.#outcomes}.*.${this.#id}.*`
  }

  outcomesOf(commandId: string): string {
    return `${this.#outcomes}.${hashOf(commandId)}.${this.#id}.*`
  }
}

/** What an event's subject says. */
export interface SubjectParts {
  readonly aggregateType: string
  readonly eventType: string
  readonly idToken: string
  readonly sequence: number
}

/** Tells events from outcomes of commands. */
export function isEventSubject(prefix: string, subject: string): boolean {
  return subject.startsWith('events.', prefix.length)
}

/** @returns undefined when it is not the subject of an event */
export function parseEventSubject(prefix: string, subject: string): SubjectParts | undefined {
  const start = `${prefix}events.`
  if (!subject.startsWith(start)) return undefined
  const [aggregateType, eventType, idToken, number, ...more] = subject.slice(start.length).split('.')
  const sequence = Number(number)
  if (aggregateType === undefined || eventType === undefined || idToken === undefined) return undefined
  return more.length > 0 || !(sequence > 0) ? undefined : { aggregateType, eventType, idToken, sequence }
}

function hashOf(commandId: string): string {
  return createHash('sha256').update(commandId).digest('hex').slice(0, 32)
}
