// The programs in README.md, as a reader would copy them: type-checked and run. What is shown of an example must stand there.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { root, run, runTool } from './tools.ts'

/** Begins with the path of the file that it was taken from. */
const excerpt = /^\/\/ (examples\/\S+)\n/
let folder: string

before(async () => {
  // Inside the workspace, where the packages are found; git ignores it.
  folder = await mkdtemp(join(root, '.readme-'))
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const programs = blocksOf(readme).filter((block) => !excerpt.test(block))
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

test('what the documentation shows of the examples stands in them, line by line', async () => {
  const found: string[] = []
  for (const document of ['README.md', 'docs/guide.md']) {
    for (const block of blocksOf(await readFile(join(root, document), 'utf8'))) {
      const path = excerpt.exec(block)?.[1]
      if (path === undefined) continue
      found.push(document)
      const file = withoutIndents(await readFile(join(root, path), 'utf8'))
      const shown = withoutIndents(block.replace(excerpt, ''))
      assert.ok(file.includes(shown), `${document}: ${path} does not have these lines:\n${shown}`)
    }
  }
  assert.deepEqual(new Set(found), new Set(['README.md', 'docs/guide.md']))
})

function blocksOf(document: string): readonly string[] {
  return [...document.matchAll(/```ts\n(.*?)```/gs)].map(([, block]) => block ?? '')
}

function withoutIndents(code: string): string {
  return code.replaceAll(/^ +/gm, '')
}
