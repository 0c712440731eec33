// Keeps what was found: one JSON file for each kind of run.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const FOLDER = join(import.meta.dirname, 'results')

export function saveResult(name: 'faults' | 'soak', result: object): void {
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(join(FOLDER, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`)
}

/** @returns undefined when there is none yet */
export function readResult<TResult>(name: 'faults' | 'soak'): TResult | undefined {
  const path = join(FOLDER, `${name}.json`)
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as TResult) : undefined
}
