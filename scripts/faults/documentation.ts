// Writes the last results into docs/faults.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Machine } from '../../bench/harness/machine.ts'
import { root } from '../tools.ts'

const FILE = join(root, 'docs/faults.md')

/**
 * @param section between the lines `<!-- section -->` and `<!-- end of section -->`, which must be there once
 * @throws {Error} when they are not
 */
export function writeSection(section: 'faults' | 'soak', markdown: string): void {
  const [begin, end] = [`<!-- ${section} -->`, `<!-- end of ${section} -->`]
  const text = readFileSync(FILE, 'utf8')
  const [before, rest, ...more] = text.split(begin)
  const after = rest?.split(end)[1]
  if (after === undefined || more.length > 0) throw new Error(`${FILE} must contain ${begin} and ${end}, once each.`)
  writeFileSync(FILE, `${before}${begin}\n\n${markdown}\n\n${end}${after}`)
}

/** @returns where and when it was, in small print */
export function describeRun(date: string, { cpu, cores, memoryGb, fileSystem, node, sqlite, cim }: Machine): string {
  return `<sub>${date.slice(0, 10)} · ${cpu}, ${cores} cores, ${memoryGb} GB, ${fileSystem} · CIM ${cim}, Node ${node}, SQLite ${sqlite}</sub>`
}
