/** The folder in which a service keeps its files. */

import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { CimError } from '@cim/core'

/** The data folder cannot be used. */
export class DataFolderError extends CimError {
  override readonly name = 'DataFolderError'
  readonly code = 'data-folder'
}

/** @throws {DataFolderError} when the folder cannot be made or used */
export function makeDataFolder(folder: string): void {
  try {
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return
    // Recursive only when it must be: Node never comes back from trying that where no folder can be made, as in /proc.
    mkdirSync(folder, { recursive: !existsSync(dirname(resolve(folder))) })
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause)
    throw new DataFolderError(
      `The data folder ${folder} cannot be used (${problem}). Choose another with --data <folder>.`,
      { cause },
    )
  }
}
