/** Finding rows of a view through an index, as SQL. */

import type { FindOptions } from '@cim/core'
import type { ViewTables } from './view-tables.ts'

const highestCodePoint = 0x10ffff

/** A condition over entries, as SQL with its parameters. */
export interface EntryCondition {
  readonly sql: string
  readonly parameters: readonly (string | number)[]
}

/** @returns the statement that finds rows of a view through an index */
export function findStatement(
  { documentsTable, entriesTable }: ViewTables,
  conditions: readonly EntryCondition[],
): string {
  const where = ['entries.index_key = ?', ...conditions.map(({ sql }) => sql)].join(' AND ')
  return `SELECT entries.value, entries.id, documents.document
    FROM "${entriesTable}" AS entries JOIN "${documentsTable}" AS documents ON documents.id = entries.id
    WHERE ${where} ORDER BY entries.value, entries.id LIMIT ?`
}

/** @returns what the options ask for; all of the conditions must hold */
export function conditionsOf({ equals, prefix, from, before, after }: FindOptions): readonly EntryCondition[] {
  const conditions: EntryCondition[] = []
  if (equals !== undefined) conditions.push({ sql: 'entries.value = ?', parameters: [equals] })
  if (from !== undefined) conditions.push({ sql: 'entries.value >= ?', parameters: [from] })
  if (before !== undefined) conditions.push({ sql: 'entries.value < ?', parameters: [before] })
  if (prefix !== undefined) conditions.push(...prefixConditions(prefix))
  if (after !== undefined)
    conditions.push({ sql: '(entries.value, entries.id) > (?, ?)', parameters: [after.value, after.id] })
  return conditions
}

function prefixConditions(prefix: string): readonly EntryCondition[] {
  const conditions: EntryCondition[] = [{ sql: 'entries.value >= ?', parameters: [prefix] }]
  const next = successorOf(prefix)
  if (next !== undefined) conditions.push({ sql: 'entries.value < ?', parameters: [next] })
  return conditions
}

/** @returns the least string that is greater than every string with this prefix, undefined when there is none */
function successorOf(prefix: string): string | undefined {
  const codePoints = Array.from(prefix, (character) => character.codePointAt(0) ?? 0)
  while (codePoints.length > 0) {
    const last = codePoints.pop() ?? highestCodePoint
    if (last === highestCodePoint) continue
    // Surrogates are no characters: the one after U+D7FF is U+E000.
    const next = last === 0xd7ff ? 0xe000 : last + 1
    return String.fromCodePoint(...codePoints, next)
  }
  return undefined
}
