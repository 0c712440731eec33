// How to run npm itself. Plain JavaScript: it runs before anything is installed.
import { basename } from 'node:path'

/**
 * @returns {{ command: string, args: readonly string[], shell: boolean }} The npm that runs this script, under its own
 *   Node, or the one on the PATH.
 */
export function npmCommand() {
  const { npm_execpath: cli, npm_node_execpath: node } = process.env
  const isUnderNpm = cli !== undefined && node !== undefined && basename(cli) === 'npm-cli.js'
  if (isUnderNpm) return { command: node, args: [cli], shell: false }
  return { command: 'npm', args: [], shell: process.platform === 'win32' }
}
