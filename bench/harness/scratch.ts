/** Files of benchmarks: on the same disk as the repository, and gone afterwards. */

import { randomUUID } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A folder that is removed with all that is in it. */
export class ScratchFolder implements Disposable {
  readonly path: string = join(dirname(import.meta.dirname), '.data', randomUUID())

  constructor() {
    mkdirSync(this.path, { recursive: true })
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 3 })
  }
}

/**
 * Works with a new database file, and removes it afterwards with all that SQLite puts beside it.
 * @param folder where to put it
 * @param work takes the path; nothing is there yet
 */
export async function withDatabaseFile<TResult>(
  folder: string,
  work: (path: string) => TResult | Promise<TResult>,
): Promise<TResult> {
  const path = join(folder, `${randomUUID()}.db`)
  try {
    return await work(path)
  } finally {
    for (const suffix of ['', '-wal', '-shm', '-lock']) rmSync(`${path}${suffix}`, { force: true })
  }
}
