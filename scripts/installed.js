// What of package-lock.json is missing from node_modules. Plain JavaScript without dependencies: it runs before
// anything is installed, on any Node from 20 on.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The last thing an install writes, so an interrupted one leaves none. */
const STAMP = 'node_modules/.cim-installed'

/**
 * @param {string} root The workspace's folder.
 * @returns {string | undefined} Why an install is needed, in a few words; undefined when nothing is missing.
 */
export function reasonToInstall(root) {
  if (!existsSync(join(root, 'node_modules'))) return 'nothing is installed yet'
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8')
  const missing = missingPackage(root, JSON.parse(lock).packages)
  if (missing !== undefined) return missing
  const stamp = readIfPresent(join(root, STAMP))
  if (stamp === undefined) return 'the last install did not finish'
  return stamp === fingerprint(lock) ? undefined : 'package-lock.json has changed'
}

/**
 * Records that what package-lock.json asks for is now installed.
 * @param {string} root The workspace's folder.
 */
export function markInstalled(root) {
  writeFileSync(join(root, STAMP), fingerprint(readFileSync(join(root, 'package-lock.json'), 'utf8')))
}

/**
 * @typedef {{ version?: string, link?: boolean, optional?: boolean, os?: string[], cpu?: string[], libc?: string[] }} LockedPackage
 *
 * @param {string} root
 * @param {Record<string, LockedPackage>} packages
 */
function missingPackage(root, packages) {
  for (const [path, locked] of Object.entries(packages)) {
    if (!path.includes('node_modules/') || !isForThisMachine(locked)) continue
    const manifest = readIfPresent(join(root, path, 'package.json'))
    if (manifest === undefined) return `${path} is missing`
    if (locked.link) continue
    const { version } = JSON.parse(manifest)
    if (version !== locked.version) return `${path} is ${version}, not ${locked.version}`
  }
  return undefined
}

/**
 * npm skips an optional package of another platform, and one that fails to install: the second must be noticed.
 * @param {LockedPackage} locked
 */
function isForThisMachine({ optional, os, cpu, libc }) {
  if (!optional) return true
  if (libc !== undefined || os === undefined || cpu === undefined) return false
  return os.includes(process.platform) && cpu.includes(process.arch)
}

/** @param {string} lock */
function fingerprint(lock) {
  return `${createHash('sha256').update(lock).digest('hex')} ${process.platform} ${process.arch}\n`
}

/** @param {string} path */
function readIfPresent(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
