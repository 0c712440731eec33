// The test files of the workspace: `*.test.ts` in packages, examples, bench and scripts.
import { globSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { root } from './tools.ts'

const EVERY_TEST = ['packages/*/src/**/*.test.ts', '{examples,bench,scripts}/**/*.test.ts']
const EXCLUDED = ['**/node_modules/**', '**/dist/**', 'bench/peers/**']

/**
 * @param patterns Files, folders, or parts of a path; none selects every test.
 * @returns Absolute paths, sorted; a pattern that selects nothing adds nothing.
 */
export function findTests(patterns: readonly string[]): string[] {
  const files = globSync(EVERY_TEST, { cwd: root, exclude: EXCLUDED }).sort()
  const selected = patterns.length === 0 ? files : files.filter((file) => patterns.some((p) => matches(file, p)))
  return selected.map((file) => join(root, file))
}

function matches(file: string, pattern: string): boolean {
  const path = resolve(pattern)
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) return file.includes(pattern)
  const selected = relative(root, path)
  return found.isFile() ? file === selected : selected === '' || file.startsWith(`${selected}/`)
}
