/** Defines a publication: which events of an application are handed to others, and how. */

import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import { InvalidDefinitionError } from '../errors/input-errors.ts'
import { isTypeName } from '../event-store/aggregate-ref.ts'
import type { EventSource } from '../event-store/event-source.ts'
import { subjectOf } from '../event-store/subject-pattern.ts'
import type { EventPublisher } from './event-publisher.ts'

/** A publication as the runtime sees it. Made by {@link definePublication}. */
export interface PublicationDefinition {
  readonly publicationName: string
  readonly publisher: EventPublisher
  readonly subjectPatterns: readonly string[]
  readonly startAt: 'beginning' | 'now' | number
}

/** What {@link definePublication} takes. */
export interface PublicationOptions {
  /** The aggregates whose events are published. What others may see is named here: nothing is published by accident. */
  readonly from: readonly EventSource[]
  readonly to: EventPublisher
  /** Where it begins when it is new: `beginning` when left out, so that whoever receives the events has all of them. */
  readonly startAt?: 'beginning' | 'now' | number
}

/**
 * @param publicationName for instance `ToHeadquarters`; its progress is kept under it, so that under a new name everything is
 *   published again
 * @param options which events, to whom
 * @throws {InvalidDefinitionError} when the name is none, or there is no source
 */
export function definePublication(publicationName: string, options: PublicationOptions): PublicationDefinition {
  const subject = `definePublication('${publicationName}')`
  checkOptions(subject, options, ['from', 'to', 'startAt'])
  const { from, to, startAt = 'beginning' } = options
  if (!isTypeName(publicationName)) {
    throw new InvalidDefinitionError(
      `Publication: the name ${JSON.stringify(publicationName)} must be a letter, then letters, digits, '_' or '-'.`,
    )
  }
  if (from.length === 0) throw new InvalidDefinitionError(`${subject}: 'from' must name at least one aggregate.`)
  if (startAt !== 'beginning' && startAt !== 'now') checkWholeNumber(subject, 'startAt', startAt, { least: 0 })
  const subjectPatterns = from.map(({ aggregateType }) => subjectOf(aggregateType, '*'))
  return { publicationName, publisher: to, subjectPatterns, startAt }
}
