// What of package-lock.json is missing from node_modules. Plain JavaScript without dependencies: it runs before
// anything is installed.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * @typedef {{ version?: string, integrity?: string, link?: boolean, optional?: boolean, os?: string[], cpu?: string[], libc?: string[] }} LockedPackage
 */

/**
 * @param {string} root The workspace's folder.
 * @returns {string | undefined} Why an install is needed, in a few words; undefined when nothing is missing.
 */
export function reasonToInstall(root) {
  /** @type {Record<string, LockedPackage>} */
  const locked = readJson(join(root, 'package-lock.json')).packages
  // npm writes this record last, and removes it first, so an interrupted install leaves none.
  const record = readJson(join(root, 'node_modules/.package-lock.json'))
  if (record === undefined) return 'no finished install is recorded in node_modules'

  for (const [path, expected] of Object.entries(locked)) {
    if (!path.includes('node_modules/') || !isForThisMachine(expected)) continue
    const manifest = readJson(join(root, path, 'package.json'))
    if (manifest === undefined) return `${path} is missing`
    if (expected.link) continue
    if (manifest.version !== expected.version) return `${path} is ${manifest.version}, not ${expected.version}`
    if (record.packages[path]?.integrity !== expected.integrity) return `${path} is not the one of package-lock.json`
  }
  return undefined
}

/**
 * npm skips an optional package of another platform, but also one that failed to install, and that must be noticed.
 * @param {LockedPackage} locked
 */
function isForThisMachine({ optional, os, cpu, libc }) {
  if (!optional) return true
  if (libc !== undefined || os === undefined || cpu === undefined) return false
  return os.includes(process.platform) && cpu.includes(process.arch)
}

/** @param {string} path */
function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}
