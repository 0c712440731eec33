/** What the benchmarks ran on. */

import { closeSync, fdatasyncSync, openSync, readFileSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { DatabaseSync } from 'node:sqlite'
import { percentile } from './statistics.ts'

/** Everything that a number depends on and that is not in the repository. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
  readonly system: string
  readonly fileSystem: string
  /** Half of all writes of 4 KiB with fdatasync took no longer, and 99 in a hundred took no longer. */
  readonly syncMs: { readonly p50: number; readonly p99: number }
  readonly node: string
  readonly sqlite: string
  /** Version of this project. */
  readonly cim: string
}

/** Names of file systems by the magic numbers of Linux; see statfs(2). */
const fileSystems: Readonly<Record<number, string>> = {
  61267: 'ext4',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  16914836: 'tmpfs (memory: nothing here is durable)',
  2035054128: 'overlayfs',
  801189825: 'zfs',
}

/** @param folder where the benchmarks keep their data */
export function describeMachine(folder: string): Machine {
  const root = join(dirname(import.meta.dirname), '..')
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
    fileSystem: fileSystems[statfsSync(folder).type] ?? 'unknown',
    syncMs: measureSync(join(folder, 'sync')),
    node: process.versions.node,
    sqlite: sqliteVersion(),
    cim: (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string }).version,
  }
}

function sqliteVersion(): string {
  const database = new DatabaseSync(':memory:')
  const { version } = database.prepare('SELECT sqlite_version() AS version').get() as { readonly version: string }
  database.close()
  return version
}

function measureSync(path: string): Machine['syncMs'] {
  const file = openSync(path, 'w')
  const block = Buffer.alloc(4096, 1)
  const times = Float64Array.from({ length: 200 }, () => {
    const start = performance.now()
    writeSync(file, block)
    fdatasyncSync(file)
    return performance.now() - start
  }).sort()
  closeSync(file)
  rmSync(path)
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99) }
}
