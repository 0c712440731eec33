// The packages as their users get them: packed, installed into a project of their own, type-checked and run.
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { npmCommand } from './npm.js'
import { packages, root, run, runTool, type ToolResult } from './tools.ts'

type Packed = { readonly name: string; readonly filename: string; readonly files: readonly { readonly path: string }[] }

let consumer: string
let packed: readonly Packed[]

before(async () => {
  succeeded(await run(process.execPath, [join(root, 'scripts/build.ts')], root))
  consumer = await mkdtemp(join(tmpdir(), 'cim-consumer-'))
  packed = await pack(consumer)
  await writeConsumer()
  await install(consumer)
})

after(() => rm(consumer, { recursive: true, force: true }))

test('a package carries its build, its sources and its licence, but no tests', () => {
  for (const { name, files } of packed) {
    const paths = files.map((file) => file.path)
    for (const expected of ['dist/index.js', 'dist/index.d.ts', 'dist/index.d.ts.map', 'src/index.ts', 'LICENSE']) {
      assert.ok(paths.includes(expected), `${name} lacks ${expected}`)
    }
    assert.deepEqual(
      paths.filter((path) => /\.test\.|tsconfig/.test(path)),
      [],
      name,
    )
  }
})

test('a strict project that checks the declarations of its libraries accepts every package', async () => {
  succeeded(await runTool('tsc', ['-p', join(consumer, 'every-package')]))
})

test('so does one with exact optional properties, but for the NATS package, whose clients are not declared that strictly', async () => {
  succeeded(await runTool('tsc', ['-p', join(consumer, 'exact')]))
})

test('a strict project without the types of the DOM accepts every package but the HTTP one', async () => {
  succeeded(await runTool('tsc', ['-p', join(consumer, 'without-dom')]))
})

test('every package runs built, without any special condition', async () => {
  const output = succeeded(await run(process.execPath, [join(consumer, 'every-package/main.ts')], consumer))
  for (const name of packages) assert.match(output, new RegExp(`@cim/${name}/dist/index\\.js`))
})

async function pack(destination: string): Promise<Packed[]> {
  const folders = packages.map((name) => `./packages/${name}`)
  // stdout must be the JSON alone, so npm may not speak of anything else.
  const flags = ['--json', '--silent', '--ignore-scripts', '--pack-destination', destination]
  return JSON.parse(succeeded(await npm(['pack', ...folders, ...flags], root)))
}

async function writeConsumer(): Promise<void> {
  const { devDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const tarballs = packed.map(({ name, filename }) => [name, `file:${filename}`])
  await writeJson('package.json', {
    name: 'consumer',
    private: true,
    type: 'module',
    dependencies: { ...Object.fromEntries(tarballs), '@types/node': devDependencies['@types/node'] },
  })
  const names = packages.map((name) => `@cim/${name}`)
  await writeProject('every-package', names, {})
  await writeProject(
    'exact',
    names.filter((name) => name !== '@cim/nats'),
    { exactOptionalPropertyTypes: true },
  )
  await writeProject(
    'without-dom',
    names.filter((name) => name !== '@cim/http'),
    { lib: ['esnext'] },
  )
}

async function writeProject(folder: string, names: readonly string[], options: object): Promise<void> {
  await mkdir(join(consumer, folder))
  const imports = names.map((name, index) => `import * as package${index} from '${name}'`)
  const uses = names.map((name, index) => `console.log(import.meta.resolve('${name}'), Object.keys(package${index}))`)
  await writeFile(join(consumer, folder, 'main.ts'), `${[...imports, ...uses].join('\n')}\n`)
  await writeJson(join(folder, 'tsconfig.json'), {
    compilerOptions: {
      target: 'esnext',
      module: 'nodenext',
      types: ['node'],
      strict: true,
      skipLibCheck: false,
      noEmit: true,
      ...options,
    },
  })
}

/** The cache that the workspace's own install has filled is tried first, so that no network is needed. */
async function install(folder: string): Promise<void> {
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const { exitCode } = await npm([...args, '--offline'], folder)
  if (exitCode !== 0) succeeded(await npm(args, folder))
}

function npm(args: readonly string[], cwd: string): Promise<ToolResult> {
  const { command, args: first } = npmCommand()
  return run(command, [...first, ...args], cwd)
}

function writeJson(path: string, value: unknown): Promise<void> {
  return writeFile(join(consumer, path), `${JSON.stringify(value, undefined, 2)}\n`)
}

function succeeded({ exitCode, output }: ToolResult): string {
  assert.equal(exitCode, 0, output)
  return output
}
