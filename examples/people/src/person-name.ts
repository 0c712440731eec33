/** A person's legal name: how it is written in full, and what is known of its parts. */

import { z } from 'zod'
import { line } from './schemas.ts'

const part = line(100).optional()
const parts = { first: part, middle: part, last: part, suffix: part, nickname: part }

/**
 * A name as events keep it. Only the full name is always there: not every name divides into the same parts, and software
 * that guesses where one begins gets people wrong.
 */
export const personName = z.strictObject({ full: line(300), ...parts })

/** See {@link personName}. */
export type PersonName = z.infer<typeof personName>

/** A name as commands take it: the full name alone, or an object with the full name, the parts, or both. */
export const personNameInput = z.union(
  [
    line(300),
    z.strictObject({ full: line(300).optional(), ...parts }).refine(({ full, first, last }) => full ?? first ?? last, {
      error: 'Must have at least one of full, first and last',
    }),
  ],
  { error: 'Must be a name such as "Ada Lovelace", or an object with full, first, middle, last, suffix, nickname' },
)

/** See {@link personNameInput}. */
export type PersonNameInput = z.infer<typeof personNameInput>

/**
 * @param input as it came in a command
 * @returns the name with its full form, which is put together from the parts when it was not given
 */
export function toPersonName(input: PersonNameInput): PersonName {
  if (typeof input === 'string') return { full: input }
  const { first, middle, last, suffix } = input
  const full = input.full ?? [first, middle, last, suffix].filter((text) => text !== undefined).join(' ')
  return { ...input, full }
}
