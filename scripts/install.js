// Installs what package-lock.json asks for. Plain JavaScript: it runs before anything is installed.
import { runToEnd } from './child.js'
import { reasonToInstall } from './installed.js'
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
  await npmCi(root, ['--offline'], 'ignore')
  if (reasonToInstall(root) === undefined) return
  const exitCode = await npmCi(root, [], ['ignore', process.stderr, process.stderr])
  const problem = reasonToInstall(root)
  if (problem === undefined) return

  say(`The install failed: npm ci ended with exit code ${exitCode}, and ${problem}.`)
  say("The packages of package-lock.json come from npm's registry: check that it can be reached, then repeat.")
  process.exit(exitCode || 1)
}

/**
 * @param {string} root
 * @param {readonly string[]} flags
 * @param {import('node:child_process').StdioOptions} stdio Never stdout: that belongs to the program to be started.
 */
function npmCi(root, flags, stdio) {
  // The dev and optional packages carry the compiler and the pinned Node, so NODE_ENV=production must not drop them.
  const args = ['ci', '--include=dev', '--include=optional', '--loglevel=error', '--no-audit', '--no-fund', ...flags]
  const npm = npmCommand()
  return runToEnd(npm.command, [...npm.args, ...args], { cwd: root, stdio, shell: npm.shell })
}

/** @param {string} line */
function say(line) {
  process.stderr.write(`${line}\n`)
}
