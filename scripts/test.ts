// `npm test`: the check, then every test. `npm test -- <file, folder or part of a path>...`: those tests alone.
import { join, relative } from 'node:path'
import { runToEnd } from './child.js'
import { findTests } from './find-tests.ts'
import { obtainNatsServer } from './nats-server.ts'
import { runTestFiles } from './run-test-files.ts'
import { root } from './tools.ts'

const patterns = process.argv.slice(2)
const problems: string[] = []

if (patterns.length === 0 && (await runToEnd(process.execPath, [join(root, 'scripts/check.ts')])) !== 0) {
  problems.push('The check failed: see the beginning of this output, or npm run check.')
}
const files = findTests(patterns)
// Once, before those who need it look for it at the same time.
if (files.some((file) => /nats|cluster/.test(relative(root, file)))) process.env.NATS_SERVER = obtainNatsServer()
const { counts, isSuccess, filesWithoutTests } = await runTestFiles(files)

if (files.length === 0) problems.push(`No test file matches ${patterns.join(' ') || '*.test.ts'}.`)
for (const file of filesWithoutTests) problems.push(`${file} contains no test.`)
for (const line of [...problems, ...counts.map((count) => `ℹ ${count}`)]) console.log(line)
process.exitCode = isSuccess && problems.length === 0 ? 0 : 1
