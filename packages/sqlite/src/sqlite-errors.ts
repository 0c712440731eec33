/** Turns what the driver throws into errors that say what to do. */

import { isCimError, StoreCorruptError, StoreFullError, StoreLockedError, StoreUnavailableError } from '@cim/core'

// Primary result codes, https://www.sqlite.org/rescode.html
const busy = 5
const locked = 6
const outOfMemory = 7
const readOnly = 8
const ioError = 10
const corrupt = 11
const full = 13
const cannotOpen = 14
const tooBig = 18
const constraint = 19
const mismatch = 20
const outOfRange = 25
const notADatabase = 26
// Extended ones: a key is there already.
const duplicateKeys: ReadonlySet<number> = new Set([1555, 2067, 2579])

const faultsOfFile: ReadonlySet<number> = new Set([
  busy,
  locked,
  outOfMemory,
  readOnly,
  ioError,
  corrupt,
  full,
  cannotOpen,
  notADatabase,
])

/**
 * @param error anything that was thrown while working on a database file
 * @param path the file, for the message
 * @param doing what was attempted, for the message
 * @returns an error of this project with the driver's as its cause; errors of this project unchanged
 */
export function toStoreError(error: unknown, path: string, doing: string): Error {
  if (isCimError(error)) return error
  const code = isNumberTooLarge(error) ? corrupt : resultCodeOf(error)
  if (code === undefined) return error instanceof Error ? error : new Error(String(error))
  const said = error instanceof Error ? error.message : String(error)
  const subject = `SQLite file ${path}: ${doing} failed (${said}).`
  switch (code & 0xff) {
    case full:
      return new StoreFullError(`${subject} Nothing of it was stored. Make room on the disk, then repeat.`, {
        cause: error,
      })
    case corrupt:
      return new StoreCorruptError(
        `${subject} The file is damaged, or its disk cannot be read. Stop, check the disk, keep a copy of the file, and restore a backup, as SqliteEventStore.backup() makes them.`,
        {
          cause: error,
        },
      )
    case notADatabase:
      return new StoreCorruptError(`${subject} It is not a SQLite database. Check the path, or restore a backup.`, {
        cause: error,
      })
    case busy:
    case locked:
      return new StoreLockedError(
        `${subject} Another process is using it. Stop that process, or choose another file.`,
        { cause: error },
      )
    case cannotOpen:
      return new StoreUnavailableError(
        `${subject} Its folder must exist, and this process must be allowed to write there.`,
        {
          cause: error,
        },
      )
    case tooBig:
    case constraint:
    case mismatch:
    case outOfRange:
      return new StoreUnavailableError(
        `${subject} A value is not of the kind that is stored there, and nothing of it was stored. The disk is not to blame: correct the value.`,
        { cause: error },
      )
    default:
      return new StoreUnavailableError(`${subject} Check the disk and the file's permissions.`, { cause: error })
  }
}

/** Tells whether the file or its disk is to blame for an error, and not a mistake in this program. */
export function isStoreFailure(error: unknown): boolean {
  return isCimError(error) || isNumberTooLarge(error) || resultCodeOf(error) !== undefined
}

/** Nothing here writes a number that JavaScript cannot hold: the driver refuses to read one where a file is damaged. */
function isNumberTooLarge(error: unknown): boolean {
  return error instanceof RangeError && 'code' in error && error.code === 'ERR_OUT_OF_RANGE'
}

/** Tells whether another connection stands in the way for now. */
export function isBusy(error: unknown): boolean {
  return ((resultCodeOf(error) ?? 0) & 0xff) === busy
}

/** Tells whether the disk has failed. */
export function isIoError(error: unknown): boolean {
  return ((resultCodeOf(error) ?? 0) & 0xff) === ioError
}

/** Tells whether a row was to be written whose key is there already. */
export function isDuplicateKey(error: unknown): boolean {
  return duplicateKeys.has(resultCodeOf(error) ?? 0)
}

/** Tells whether what was written is to blame for an error, not the file, its disk, or somebody else who writes to it. */
export function isFaultOfWork(error: unknown): boolean {
  return !isDuplicateKey(error) && !isCimError(error) && !faultsOfFile.has((resultCodeOf(error) ?? 0) & 0xff)
}

/** @returns SQLite's extended result code, undefined when the error is not SQLite's */
export function resultCodeOf(error: unknown): number | undefined {
  const code = typeof error === 'object' && error !== null && 'errcode' in error ? error.errcode : undefined
  return typeof code === 'number' ? code : undefined
}
