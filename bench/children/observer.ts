/**
 * Counts rows of a database that another process writes. Not in that process: two SQLite libraries in one process undo
 * each other's locks on a file.
 */

import { DatabaseSync } from 'node:sqlite'
import { answer, answerAll, childInput } from '../harness/child.ts'

/** What the process is started with. */
export interface ObserverInput {
  readonly path: string
  readonly table: string
}

const { path, table } = childInput<ObserverInput>()
using database = new DatabaseSync(path, { readOnly: true })
const select = database.prepare(`SELECT count(*) AS count FROM ${table}`)
answer('ready')
await answerAll(async () => (select.get() as { readonly count: number }).count)
