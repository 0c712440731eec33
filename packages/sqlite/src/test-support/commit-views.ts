/**
 * Commits long changes to a view until it is killed or another process has moved the view on. Writes a line when the view
 * is open, and one with what happened for each commit. Each commit puts its position into every document.
 * Arguments: the database file, how many documents, how many commits.
 */

import { writeSync } from 'node:fs'
import { isCimError } from '@cim/core'
import { SqliteViewStore } from '../sqlite-view-store.ts'
import { changeAll, numbersView } from './sample-views.ts'

const [path = '', documents = '', commits = ''] = process.argv.slice(2)
await using store = new SqliteViewStore({ path })
await store.openView(numbersView)
writeSync(1, 'open\n')
for (let commit = 0; commit < Number(commits); commit++) {
  const checkpoint = await store.getCheckpoint(numbersView)
  try {
    await store.commit(numbersView, changeAll(checkpoint, Number(documents)))
    writeSync(1, `${checkpoint + 1}\n`)
  } catch (error) {
    writeSync(1, `${isCimError(error) ? error.code : String(error)}\n`)
  }
}
