/** Goes through long stretches of the log. */

import { DatabaseSync } from 'node:sqlite'
import { EventRows } from './event-rows.ts'

/** Whoever is so many events behind the newest one goes through a long stretch. */
export const longStretch = 20_000
const cacheMegabytes = 2

/**
 * A connection of its own, with next to no page cache: who replays a million events needs each page once, and would drive
 * out of the store's cache the pages that everybody else looks for. Opened when it is first needed. Sees what is committed.
 */
export class EventScanner {
  readonly #path: string
  #opened: { readonly database: DatabaseSync; readonly rows: EventRows } | undefined

  /** @param path of a file that the store has opened */
  constructor(path: string) {
    this.#path = path
  }

  get rows(): EventRows {
    return this.#open().rows
  }

  get database(): DatabaseSync {
    return this.#open().database
  }

  close(): void {
    this.#opened?.database.close()
    this.#opened = undefined
  }

  #open() {
    if (this.#opened !== undefined) return this.#opened
    const database = new DatabaseSync(this.#path, { readOnly: true, timeout: 5000 })
    try {
      database.exec(`PRAGMA cache_size = ${-1024 * cacheMegabytes}`)
      this.#opened = { database, rows: new EventRows(database, this.#path) }
    } catch (error) {
      database.close()
      throw error
    }
    return this.#opened
  }
}
