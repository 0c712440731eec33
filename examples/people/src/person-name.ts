/** A person's legal name: how it is written in full, and what is known of its parts. */

import { z } from 'zod'
import { line } from './schemas.ts'

const fullName = line(300)
const part = line(100).optional()
const parts = { first: part, middle: part, last: part, suffix: part, nickname: part }

/**
 * A name as events keep it. Only the full name is always there: not every name divides into the same parts, and software
 * that guesses where one begins gets people wrong.
 */
export const personName = z.strictObject({ full: fullName, ...parts })

/** See {@link personName}. */
export type PersonName = z.infer<typeof personName>

/** A name as commands take it: the full name alone, or an object with the full name, the parts, or both. */
export const personNameInput = z.union(
  [
    fullName,
    z
      .strictObject({ full: fullName.optional(), ...parts })
      .refine(({ full, first, last }) => full ?? first ?? last, {
        error: 'Must have at least one of full, first and last',
      })
      .refine((name) => fullName.safeParse(fullOf(name)).success, {
        error: 'Must have at most 300 characters when it is put together',
      }),
  ],
  {
    error:
      'Must be a name such as "Ada Lovelace", or an object with full, first, middle, last, suffix, nickname; at most 300 characters in full',
  },
)

/** See {@link personNameInput}. */
export type PersonNameInput = z.infer<typeof personNameInput>

/**
 * @param input as it came in a command
 * @returns the name with its full form, which is put together from the parts when it was not given
 */
export function toPersonName(input: PersonNameInput): PersonName {
  if (typeof input === 'string') return { full: input }
  return { ...input, full: fullOf(input) }
}

type NameParts = { readonly [Part in keyof PersonName]?: string | undefined }

/** It is put together from the parts when it was not given. */
function fullOf({ full, first, middle, last, suffix }: NameParts): string {
  return full ?? [first, middle, last, suffix].filter((text) => text !== undefined).join(' ')
}
