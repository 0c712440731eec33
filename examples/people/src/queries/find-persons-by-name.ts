/** Persons by the beginning of a name. */

import { compareStrings, defineQuery, type FoundRow } from '@cim/core'
import { z } from 'zod'
import { nameKeys, searchText } from '../name-keys.ts'
import { calendarDate, dayOf } from '../schemas.ts'
import { type PersonView, personView } from '../views/person-view.ts'
import { findPage, pageOf, pageParameters } from './page.ts'
import { personResult, toPersonResults } from './persons.ts'

export const findPersonsByName = defineQuery('FindPersonsByName', {
  parameters: z.strictObject({
    name: z
      .string()
      .max(300)
      .refine((name) => searchText(name) !== '', { error: 'Must contain a letter or a digit' })
      .describe('How the name begins, or any word in it; case, accents and punctuation do not matter.'),
    onDate: calendarDate.optional().describe('The day whose organizations are shown; today, in UTC, when left out.'),
    ...pageParameters,
  }),
  result: pageOf(personResult),
  handle: async ({ name, onDate, ...page }, read, { now }) => {
    const prefix = searchText(name)
    const found = await findPage(read(personView), 'name', { prefix }, page, (row) => isFirstMatch(row, prefix))
    return { ...found, items: [...(await toPersonResults(read, found.items, onDate ?? dayOf(now)))] }
  },
})

/** A person whose name matches in several ways, as John Johnson does, is found in several rows: the first one counts. */
function isFirstMatch({ view: { legalName }, value }: FoundRow<PersonView>, prefix: string): boolean {
  if (legalName === undefined) return false
  const [first] = nameKeys(legalName)
    .filter((key) => key.startsWith(prefix))
    .toSorted(compareStrings)
  return first === value
}
