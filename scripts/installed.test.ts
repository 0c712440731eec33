import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { reasonToInstall } from './installed.js'

let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'cim-installed-'))
  await writeLock({
    '': { version: '0.1.0' },
    'packages/core': { version: '0.1.0' },
    'node_modules/@cim/core': { link: true },
    'node_modules/zod': { version: '4.0.0', integrity: 'sha512-zod' },
    'node_modules/binary-here': { ...binary(process.platform), integrity: 'sha512-here' },
    'node_modules/binary-elsewhere': binary('elsewhere'),
  })
  await writeManifest('node_modules/@cim/core', '0.1.0')
  await writeManifest('node_modules/zod', '4.0.0')
  await writeManifest('node_modules/binary-here', '1.0.0')
  await writeJson('node_modules/.package-lock.json', {
    packages: {
      'node_modules/zod': { version: '4.0.0', integrity: 'sha512-zod' },
      'node_modules/binary-here': { version: '1.0.0', integrity: 'sha512-here' },
    },
  })
})

afterEach(() => rm(root, { recursive: true, force: true }))

test('after a finished install nothing is missing, though other platforms have their own packages', () => {
  assert.equal(reasonToInstall(root), undefined)
})

test('before the first install everything is missing', async () => {
  await rm(join(root, 'node_modules'), { recursive: true })
  assert.match(reasonToInstall(root) ?? '', /no finished install/)
})

test('an interrupted install, which leaves no record, is noticed', async () => {
  await unlink(join(root, 'node_modules/.package-lock.json'))
  assert.match(reasonToInstall(root) ?? '', /no finished install/)
})

test('a half-written record is noticed', async () => {
  await writeFile(join(root, 'node_modules/.package-lock.json'), '{"packages": {"node_mod')
  assert.match(reasonToInstall(root) ?? '', /no finished install/)
})

test('a deleted package is noticed', async () => {
  await rm(join(root, 'node_modules/zod'), { recursive: true })
  assert.equal(reasonToInstall(root), 'node_modules/zod is missing')
})

test('a workspace package that is not linked is noticed', async () => {
  await rm(join(root, 'node_modules/@cim/core'), { recursive: true })
  assert.equal(reasonToInstall(root), 'node_modules/@cim/core is missing')
})

test('an optional package of this platform that npm gave up on is noticed', async () => {
  await rm(join(root, 'node_modules/binary-here'), { recursive: true })
  assert.equal(reasonToInstall(root), 'node_modules/binary-here is missing')
})

test('a newer package-lock.json is noticed', async () => {
  await writeLock({ 'node_modules/zod': { version: '4.1.0', integrity: 'sha512-newer' } })
  assert.equal(reasonToInstall(root), 'node_modules/zod is 4.0.0, not 4.1.0')
})

test('a package with the right version and another content is noticed', async () => {
  await writeLock({ 'node_modules/zod': { version: '4.0.0', integrity: 'sha512-other' } })
  assert.equal(reasonToInstall(root), 'node_modules/zod is not the one of package-lock.json')
})

function binary(platform: string): object {
  return { version: '1.0.0', optional: true, os: [platform], cpu: [process.arch] }
}

function writeLock(packages: object): Promise<void> {
  return writeJson('package-lock.json', { packages })
}

function writeManifest(path: string, version: string): Promise<void> {
  return writeJson(join(path, 'package.json'), { version })
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), JSON.stringify(value))
}
