/** Checks where a database file shall be, before anything is made there. */

import { accessSync, constants, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { InvalidOptionError, isCimError, StoreUnavailableError } from '@cim/core'

/**
 * @param subject who takes the path, for messages
 * @param path of a file that exists, or shall be made in a folder that does
 * @returns the one absolute path of the file, whatever links lead to it
 * @throws {InvalidOptionError} when it is no path of a file
 * @throws {StoreUnavailableError} when there is no such folder, or the file may not be written
 */
export function resolveDatabasePath(subject: string, path: string): string {
  // What SQLite would take for a database in memory is nothing that lasts.
  if (typeof path !== 'string' || path === '' || path === ':memory:' || path.includes('\0')) {
    throw new InvalidOptionError(subject, 'path', `must be the path of a file, got ${JSON.stringify(path)}.`)
  }
  const absolute = resolve(path)
  try {
    const found = statSync(absolute, { throwIfNoEntry: false })
    if (found === undefined) return join(folderOf(absolute), basename(absolute))
    if (!found.isFile()) {
      throw new StoreUnavailableError(
        `SQLite file ${absolute}: it is no file. Give the path of a file, not of a folder.`,
      )
    }
    accessSync(absolute, constants.R_OK | constants.W_OK)
    return realpathSync(absolute)
  } catch (cause) {
    if (isCimError(cause)) throw cause
    throw new StoreUnavailableError(
      `SQLite file ${absolute}: this process may not read and write it. Give it the permission, or choose another file.`,
      { cause },
    )
  }
}

function folderOf(file: string): string {
  try {
    return realpathSync(dirname(file))
  } catch (cause) {
    throw new StoreUnavailableError(
      `SQLite file ${file}: its folder cannot be found. Make the folder first, or choose another.`,
      { cause },
    )
  }
}
