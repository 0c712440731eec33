// Proof that `npm run check` can fail: a small workspace with the real configuration, first clean, then with one
// forbidden import per file.
import assert from 'node:assert/strict'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { packages, root, run, type ToolResult } from './tools.ts'

const NEIGHBOUR = 'lint/style/noRestrictedImports'
const NODE_MODULE = 'lint/correctness/noNodejsModules'
const CYCLE = 'lint/suspicious/noImportCycles'
const IMPORT_TYPE = 'plugin'

type Forbidden = { readonly title: string; readonly file: string; readonly code: string; readonly rule: string }

const forbidden: readonly Forbidden[] = [
  neighbour('the write side imports the read side', 'core/src/write-side/a.ts', '../read-side/index.ts'),
  neighbour('the read side imports the write side', 'core/src/read-side/a.ts', '../write-side/index.ts'),
  neighbour('errors import what lies above them', 'core/src/errors/a.ts', '../event-store/index.ts'),
  neighbour('tracing imports what lies beside it', 'core/src/tracing/a.ts', '../errors/index.ts'),
  neighbour('the event store imports the write side', 'core/src/event-store/a.ts', '../write-side/index.ts'),
  neighbour('the command queue imports the read side', 'core/src/command-queue/a.ts', '../read-side/index.ts'),
  neighbour('sagas import the application', 'core/src/sagas/a.ts', '../application/index.ts'),
  neighbour('the in-memory adapters import the application', 'core/src/memory/a.ts', '../application/index.ts'),
  neighbour(
    'the check before a deployment imports the application',
    'core/src/pre-deploy/a.ts',
    '../application/index.ts',
  ),
  neighbour(
    'the event store imports the check before a deployment',
    'core/src/event-store/c.ts',
    '../pre-deploy/index.ts',
  ),
  neighbour('an adapter imports the command line', 'sqlite/src/c.ts', '@cim/cli'),
  neighbour('the command line imports the testing package', 'cli/src/a.ts', '@cim/testing'),
  neighbour('a folder of core imports the index of core', 'core/src/errors/b.ts', '../index.ts'),
  neighbour('core imports an adapter', 'core/src/write-side/b.ts', '@cim/sqlite'),
  neighbour('the index of core imports an adapter', 'core/src/a.ts', '@cim/sqlite'),
  neighbour('a test of core imports the testing package', 'core/src/errors/a.test.ts', '@cim/testing'),
  neighbour('one adapter imports another', 'sqlite/src/a.ts', '@cim/http'),
  neighbour('an adapter imports the testing package outside its tests', 'http/src/a.ts', '@cim/testing'),
  neighbour('a package reaches into another by a path', 'sqlite/src/b.ts', '../../core/src/index.ts'),
  neighbour('a package imports an example', 'testing/src/a.ts', '@cim/example-people'),
  {
    ...neighbour('an example reaches into a package', '', '../../../packages/core/src/index.ts'),
    file: 'examples/people/src/a.ts',
  },
  { ...neighbour('an example imports the benchmarks', '', '@cim/bench'), file: 'examples/people/src/b.ts' },
  {
    title: 'a type comes from a forbidden folder',
    file: 'packages/core/src/write-side/c.ts',
    code: "export type { Index } from '../read-side/index.ts'",
    rule: NEIGHBOUR,
  },
  {
    title: 'a module is imported late',
    file: 'packages/core/src/write-side/d.ts',
    code: "await import('../read-side/index.ts')",
    rule: NEIGHBOUR,
  },
  {
    title: 'an import hides inside a type',
    file: 'packages/core/src/write-side/e.ts',
    code: "export type A = import('../read-side/index.ts').Index",
    rule: IMPORT_TYPE,
  },
  {
    title: 'core imports node:fs',
    file: 'packages/core/src/event-store/b.ts',
    code: "import 'node:fs'",
    rule: NODE_MODULE,
  },
  { title: 'two files import each other', file: 'packages/core/src/schema/a.ts', code: "import './b.ts'", rule: CYCLE },
  {
    title: 'two files import each other, seen from the second',
    file: 'packages/core/src/schema/b.ts',
    code: "import './a.ts'",
    rule: CYCLE,
  },
  {
    title: 'two files need the types of each other',
    file: 'packages/core/src/schema/c.ts',
    code: "import type { D } from './d.ts'\n\nexport type C = { readonly d?: D }",
    rule: CYCLE,
  },
  {
    title: 'two files need the types of each other, seen from the second',
    file: 'packages/core/src/schema/d.ts',
    code: "import type { C } from './c.ts'\n\nexport type D = { readonly c?: C }",
    rule: CYCLE,
  },
]

const allowed: Readonly<Record<string, string>> = {
  'packages/core/src/write-side/fine.ts': "import '../event-store/index.ts'",
  'packages/core/src/read-side/fine.ts': "import '../event-processing/index.ts'",
  'packages/core/src/memory/fine.ts': "import '../read-side/index.ts'",
  'packages/core/src/application/fine.ts': "import '../memory/index.ts'",
  'packages/core/src/errors/fine.test.ts': "import 'node:fs'\nimport '../memory/index.ts'",
  'packages/core/src/pre-deploy/fine.ts': "import '../read-side/index.ts'",
  'packages/cli/src/fine.ts': "import '@cim/sqlite'",
  'packages/sqlite/src/fine.ts': "import 'node:sqlite'\nimport '@cim/core'",
  'packages/sqlite/src/fine.test.ts': "import '@cim/testing'",
  'examples/people/src/fine.ts': "import '@cim/http'",
}

let workspace: string

before(async () => {
  workspace = await mkdtemp(join(tmpdir(), 'cim-boundaries-'))
  await copyConfiguration()
  for (const folder of await coreFolders())
    await writeSource(`packages/core/src/${folder}/index.ts`, 'export type Index = string')
  for (const name of packages) await writeSource(`packages/${name}/src/index.ts`, 'export type Index = string')
  for (const [file, code] of Object.entries(allowed)) await writeSource(file, code)
})

after(() => rm(workspace, { recursive: true, force: true }))

test('the check accepts a workspace whose imports all follow the rules', async () => {
  const { exitCode, output } = await check()
  assert.equal(exitCode, 0, output)
})

test('every folder of core has its rule', async () => {
  const rules = await readFile(join(root, 'biome.boundaries.jsonc'), 'utf8')
  for (const folder of await coreFolders()) assert.ok(rules.includes(`"packages/core/src/${folder}/**/*.ts"`), folder)
})

describe('the check fails when', () => {
  let result: ToolResult
  let found: ReadonlySet<string>

  before(async () => {
    for (const { file, code } of forbidden) await writeSource(file, code)
    result = await check()
    found = new Set(
      Array.from(result.output.matchAll(/^(\S+?):\d+:\d+ (\S+)/gm), ([, file, rule]) => `${file} ${rule}`),
    )
  })

  for (const { title, file, rule } of forbidden) {
    test(title, () => {
      assert.notEqual(result.exitCode, 0)
      assert.ok(found.has(`${file} ${rule}`), `${file}: no ${rule} in\n${result.output}`)
    })
  }
})

function neighbour(title: string, file: string, imported: string): Forbidden {
  return { title, file: `packages/${file}`, code: `import '${imported}'`, rule: NEIGHBOUR }
}

function check(): Promise<ToolResult> {
  return run(process.execPath, [join(workspace, 'scripts/check.ts')], workspace)
}

/** The folders of core that exist, and those that the cases above need. */
async function coreFolders(): Promise<string[]> {
  const entries = await readdir(join(root, 'packages/core/src'), { withFileTypes: true })
  const existing = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  const needed = ['errors', 'event-store', 'write-side', 'event-processing', 'read-side', 'memory', 'application']
  return [...new Set([...existing, ...needed])]
}

async function copyConfiguration(): Promise<void> {
  const folders = packages.map((name) => `packages/${name}`)
  const files = [
    ...['biome.jsonc', 'biome.boundaries.jsonc', 'tsconfig.base.json', 'tsconfig.json', 'package.json', '.gitignore'],
    ...['check.ts', 'tools.ts', 'no-import-types.grit'].map((file) => `scripts/${file}`),
    ...folders.flatMap((folder) => [`${folder}/package.json`, `${folder}/tsconfig.json`]),
    'examples/people/package.json',
  ]
  for (const file of files) await cp(join(root, file), join(workspace, file))
  await symlink(join(root, 'node_modules'), join(workspace, 'node_modules'), 'junction')
}

async function writeSource(file: string, code: string): Promise<void> {
  await mkdir(dirname(join(workspace, file)), { recursive: true })
  await writeFile(join(workspace, file), `${code}\n`)
}
