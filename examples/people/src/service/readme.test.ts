// The command lines in the README, as a reader would paste them: run one after the other against a fresh service.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { commandLines, hasCurl, runCommandLine } from '../test-support/command-lines.ts'
import { ServiceProcess } from '../test-support/service-process.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

test('the command lines in the README do what is said there', {
  skip: hasCurl ? false : 'curl is missing',
}, async (context) => {
  const readme = await readFile(join(import.meta.dirname, '../../../../README.md'), 'utf8')
  const lines = commandLines(readme)
  assert.equal(lines.length, readme.match(/^curl /gm)?.length)
  assert.ok(lines.length >= 8, `only ${lines.length} command lines were found`)
  await using service = await ServiceProcess.start({ dataFolder: temporaryFolder(context) })
  for (const line of lines) await runCommandLine(line, (text) => text.replace('http://127.0.0.1:7117', service.url))
})
