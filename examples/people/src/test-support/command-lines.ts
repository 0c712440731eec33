/** The command lines of a document, run as a reader would paste them. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** One `curl` of a document. */
export interface CommandLine {
  readonly line: string
  /** What the comment below it says comes of it. */
  readonly expected: RegExp
}

export const hasCurl: boolean = await run('curl', ['--version']).then(
  () => true,
  () => false,
)

/** @returns those that the blocks of shell code hold, each in one line */
export function commandLines(document: string): readonly CommandLine[] {
  const blocks = [...document.matchAll(/```sh\n(.*?)```/gs)].map(([, block = '']) => block.replaceAll(/\\\n\s*/g, ''))
  const found = blocks.flatMap((block) => [...block.matchAll(/^(curl .*)\n(?:# (\{.*))?/gm)])
  return found.map(([, line = '', comment]) => ({ line, expected: patternOf(comment) }))
}

/**
 * @param toHere puts the places in a line that the test has instead of those of the document
 * @throws {AssertionError} when something else comes of the line than is said there
 */
export async function runCommandLine({ line, expected }: CommandLine, toHere: (line: string) => string): Promise<void> {
  const command = toHere(line.replace('curl ', 'curl -sS --fail-with-body '))
  const isQuestion = !line.includes(' -d ')
  for (const begun = performance.now(); ; await delay(20)) {
    const output = await run('sh', ['-c', command]).then(
      ({ stdout }) => stdout.trimEnd(),
      (error: { readonly stdout: string; readonly stderr: string }) => `${error.stdout}${error.stderr} (failed)`,
    )
    if (expected.test(output)) return
    // What happens by itself takes a moment.
    const isTooLate = performance.now() - begun > 20_000
    assert.ok(isQuestion && !isTooLate, `${line}\nshould give ${expected}\nand gives ${output}`)
  }
}

/** An ellipsis stands for anything. Without a comment, it has to succeed. */
function patternOf(comment: string | undefined): RegExp {
  if (comment === undefined) return /^(?!.*\(failed\)$)./s
  const parts = comment.split('…').map((part) => RegExp.escape(part))
  return new RegExp(`^${parts.join('.*')}$`, 's')
}
