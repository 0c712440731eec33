/** Subjects of events, and patterns over them that match exactly as in NATS. */

import { ValidationError } from '../errors/input-errors.ts'

/** Tells whether events of a type belong to a pattern. */
export type SubjectMatcher = (aggregateType: string, eventType: string) => boolean

/**
 * @param aggregateType for instance `Person`
 * @param eventType for instance `PersonCreated`
 * @returns the subject of such an event, for instance `events.Person.PersonCreated`
 * @see the mission's heading "Event Publishing"
 */
export function subjectOf(aggregateType: string, eventType: string): string {
  return `events.${aggregateType}.${eventType}`
}

/**
 * Compares a subject with a pattern as a NATS server does: tokens are separated by dots, `*` stands for exactly one
 * token, `>` at the end for one or more, and everything else, `Per*` too, for itself.
 * @param pattern a well-formed pattern
 * @param subject a subject without wildcards
 * @see https://docs.nats.io/nats-concepts/subjects
 */
export function matchesSubject(pattern: string, subject: string): boolean {
  const wanted = pattern.split('.')
  const tokens = subject.split('.')
  for (const [index, token] of wanted.entries()) {
    if (token === '>') return tokens.length > index
    if (index >= tokens.length || (token !== '*' && token !== tokens[index])) return false
  }
  return wanted.length === tokens.length
}

/**
 * @param subjectPatterns one or several patterns
 * @returns a function that tells whether any of them matches; its answers are remembered per type
 * @throws {ValidationError} when a pattern is not well-formed
 */
export function subjectMatcher(subjectPatterns: string | readonly string[]): SubjectMatcher {
  const patterns = typeof subjectPatterns === 'string' ? [subjectPatterns] : subjectPatterns
  if (!Array.isArray(patterns) || patterns.length === 0) {
    throw new ValidationError('subject patterns', [
      { pointer: '', message: 'must be a string or a list of at least one' },
    ])
  }
  for (const pattern of patterns) checkPattern(pattern)
  const answers = new Map<string, boolean>()
  return (aggregateType, eventType) => {
    const subject = subjectOf(aggregateType, eventType)
    let answer = answers.get(subject)
    if (answer === undefined) {
      answer = patterns.some((pattern) => matchesSubject(pattern, subject))
      answers.set(subject, answer)
    }
    return answer
  }
}

function checkPattern(pattern: string): void {
  const problem = problemWithPattern(pattern)
  if (problem === undefined) return
  throw new ValidationError(`subject pattern ${JSON.stringify(pattern)}`, [
    { pointer: '', message: `${problem}. Examples: events.>, events.Person.*, events.*.PersonCreated` },
  ])
}

function problemWithPattern(pattern: unknown): string | undefined {
  if (typeof pattern !== 'string' || pattern === '') return 'must be a non-empty string'
  if (/\s/.test(pattern)) return 'must not contain white space'
  const tokens = pattern.split('.')
  if (tokens.includes('')) return 'must not have an empty token (two dots in a row, or a dot at an end)'
  if (tokens.slice(0, -1).includes('>')) return "may have '>' only as its last token"
  return undefined
}
