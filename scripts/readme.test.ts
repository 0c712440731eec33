// The programs in README.md, as a reader would copy them: type-checked and run.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { root, run, runTool } from './tools.ts'

let folder: string

before(async () => {
  // Inside the workspace, where the packages are found; git ignores it.
  folder = await mkdtemp(join(root, '.readme-'))
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const programs = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, program]) => program)
  assert.equal(programs.length, 3, 'README.md should hold the domain, its use and its scenario')
  await writeFile(join(folder, 'readme.ts'), programs.join('\n'))
  const tsconfig = { extends: '../tsconfig.json', include: ['readme.ts'], exclude: [] }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig))
})

after(() => rm(folder, { recursive: true, force: true }))

test('the program in the README type-checks', async () => {
  const { exitCode, output } = await runTool('tsc', ['-p', folder])
  assert.equal(exitCode, 0, output)
})

test('the program in the README runs, reads its own write and travels in time', async () => {
  const { exitCode, output } = await run(
    process.execPath,
    ['--conditions=@cim/source', join(folder, 'readme.ts')],
    root,
  )
  assert.equal(exitCode, 0, output)
  assert.match(output, /\[ \{ name: 'Ada Lovelace', email: 'ada@example\.org' \} \]/)
  assert.match(output, /\{ exists: true, email: '' \}/)
})
