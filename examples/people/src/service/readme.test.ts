// The command lines in the README, as a reader would paste them: run one after the other against a fresh service.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { ServiceProcess } from '../test-support/service-process.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

const run = promisify(execFile)
const hasCurl = await run('curl', ['--version']).then(
  () => true,
  () => false,
)

interface CommandLine {
  readonly line: string
  /** What the comment below it says comes of it. */
  readonly expected: RegExp
}

test('the command lines in the README do what is said there', {
  skip: hasCurl ? false : 'curl is missing',
}, async (context) => {
  const readme = await readFile(join(import.meta.dirname, '../../../../README.md'), 'utf8')
  const lines = commandLines(readme)
  assert.equal(lines.length, readme.match(/^curl /gm)?.length)
  assert.ok(lines.length >= 8, `only ${lines.length} command lines were found`)
  await using service = await ServiceProcess.start({ dataFolder: temporaryFolder(context) })
  for (const { line, expected } of lines) {
    const command = line.replace('curl ', 'curl -sS --fail-with-body ').replace('http://127.0.0.1:7117', service.url)
    const isQuestion = !line.includes(' -d ')
    for (const begun = performance.now(); ; await delay(20)) {
      const output = await run('sh', ['-c', command]).then(
        ({ stdout }) => stdout.trimEnd(),
        (error: { readonly stdout: string; readonly stderr: string }) => `${error.stdout}${error.stderr} (failed)`,
      )
      if (expected.test(output)) break
      // What happens by itself takes a moment.
      const isTooLate = performance.now() - begun > 20_000
      assert.ok(isQuestion && !isTooLate, `${line}\nshould give ${expected}\nand gives ${output}`)
    }
  }
})

function commandLines(readme: string): readonly CommandLine[] {
  const blocks = [...readme.matchAll(/```sh\n(.*?)```/gs)].map(([, block = '']) => block.replaceAll(/\\\n\s*/g, ''))
  const found = blocks.flatMap((block) => [...block.matchAll(/^(curl .*)\n(?:# (\{.*))?/gm)])
  return found.map(([, line = '', comment]) => ({ line, expected: patternOf(comment) }))
}

/** An ellipsis stands for anything. Without a comment, it has to succeed. */
function patternOf(comment: string | undefined): RegExp {
  if (comment === undefined) return /^(?!.*\(failed\)$)./s
  const parts = comment.split('…').map((part) => RegExp.escape(part))
  return new RegExp(`^${parts.join('.*')}$`, 's')
}
