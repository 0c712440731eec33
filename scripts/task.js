// A task of the workspace, with its packages installed and under its pinned Node. Plain JavaScript: it runs before
// anything is installed.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { become } from './child.js'
import { ensureInstalled } from './install.js'
import { pinnedNode } from './pinned-node.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** @type {Record<string, string | undefined>} */
const TASKS = {
  start: 'examples/people/src/main.ts',
  import: 'examples/people/src/import-congress/main.ts',
  'check-deploy': 'examples/people/src/check-deploy.ts',
  cluster: 'scripts/cluster.ts',
  test: 'scripts/test.ts',
  check: 'scripts/check.ts',
  build: 'scripts/build.ts',
  format: 'scripts/format.ts',
  bench: 'bench/run.ts',
  faults: 'scripts/faults.ts',
  soak: 'scripts/soak.ts',
}

/**
 * @param {string | undefined} task
 * @param {readonly string[]} args
 */
export async function runTask(task, args) {
  const file = task === undefined ? undefined : TASKS[task]
  if (file === undefined) {
    console.error(`Unknown task ${task}. Expected one of: ${Object.keys(TASKS).join(', ')}.`)
    process.exitCode = 1
    return
  }
  await ensureInstalled(root)
  const node = pinnedNode(root)
  if (node === undefined) {
    console.error(`No pinned Node exists for ${process.platform}-${process.arch}. Run this with Node 24 or newer.`)
    process.exitCode = 1
    return
  }
  // Sources whose types have been removed once are kept: the next start is faster and takes some 30 MB less memory.
  process.env.NODE_COMPILE_CACHE ??= join(root, 'node_modules', '.cache', 'node')
  // The condition makes the packages resolve to their sources, so that the workspace runs unbuilt.
  await become(node, ['--conditions=@cim/source', join(root, file), ...args])
}
