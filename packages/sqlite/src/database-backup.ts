/** Copies a database file that is in use. */

import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { backup, DatabaseSync } from 'node:sqlite'
import { StoreUnavailableError } from '@cim/core'
import { toStoreError } from './sqlite-errors.ts'

/** More than any file has: one step copies one state, however much is written meanwhile. */
const allPages = 0x7fff_ffff

/**
 * @param path the database file
 * @param target where the copy goes; it is there when it is whole, not before
 * @throws {StoreUnavailableError | StoreFullError} when the target exists or cannot be written
 */
export async function backUpDatabase(path: string, target: string): Promise<void> {
  refuseExisting(target)
  const unfinished = `${target}-unfinished`
  refuseExisting(unfinished)
  try {
    // A connection of its own: the copy is made in another thread, and the store's connection goes on meanwhile.
    using source = new DatabaseSync(path, { readOnly: true })
    await backup(source, unfinished, { rate: allPages })
    refuseExisting(target)
    await rename(unfinished, target)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw toStoreError(error, target, 'writing a backup')
  }
}

function refuseExisting(file: string): void {
  if (!existsSync(file)) return
  throw new StoreUnavailableError(`The backup is not made: ${file} exists. Choose another file, or remove it.`)
}
