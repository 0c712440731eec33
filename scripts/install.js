// Installs what package-lock.json asks for. Plain JavaScript: it runs before anything is installed.
import { runToEnd } from './child.js'
import { markInstalled, reasonToInstall } from './installed.js'
import { npmCommand } from './npm.js'

/**
 * Brings node_modules in line with package-lock.json, or ends the process with an explanation.
 * @param {string} root The workspace's folder.
 */
export async function ensureInstalled(root) {
  const reason = reasonToInstall(root)
  if (reason === undefined) return
  say(`Installing packages (npm ci), because ${reason} ...`)

  // First from npm's cache alone, which is quick and works without a network; then from the registry.
  if ((await npmCi(root, ['--offline'], 'ignore')) === 0 && isComplete(root)) return
  const code = await npmCi(root, [], 'inherit')
  if (code === 0 && isComplete(root)) return

  say(`The install failed (npm ci, exit code ${code}): ${reasonToInstall(root)}.`)
  say('The packages of package-lock.json must be reachable: check the network and the registry npm uses, then repeat.')
  process.exit(code === 0 ? 1 : code)
}

/** @param {string} root */
function isComplete(root) {
  markInstalled(root)
  return reasonToInstall(root) === undefined
}

/**
 * @param {string} root
 * @param {readonly string[]} flags
 * @param {'inherit' | 'ignore'} output
 */
async function npmCi(root, flags, output) {
  // Output goes to stderr: the stdout of `npm start` belongs to the program started.
  // The dev and optional packages carry the compiler and the pinned Node, so NODE_ENV=production must not drop them.
  const args = ['ci', '--include=dev', '--include=optional', '--loglevel=error', '--no-audit', '--no-fund', ...flags]
  /** @type {import('node:child_process').StdioOptions} */
  const stdio = output === 'ignore' ? 'ignore' : ['ignore', 2, 2]
  const npm = npmCommand()
  return runToEnd(npm.command, [...npm.args, ...args], { cwd: root, stdio, shell: npm.shell })
}

/** @param {string} line */
function say(line) {
  process.stderr.write(`${line}\n`)
}
