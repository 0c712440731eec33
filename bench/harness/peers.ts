/** Other people's software, for comparison, for making load and for drawing: installed when a benchmark needs it. */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { runToEnd } from '../../scripts/child.js'
import { reasonToInstall } from '../../scripts/installed.js'
import { npmCommand } from '../../scripts/npm.js'

/** Where it is installed, apart from the workspace, which never needs it. */
export const peersFolder: string = join(dirname(import.meta.dirname), 'peers')

/**
 * Installs what bench/peers/package-lock.json asks for: from npm's cache if that is enough, else from the registry.
 * @param mayInstall whether to install what is missing
 * @param say is told before it begins, for it may take minutes: one of the peers is compiled
 * @returns why the peers cannot be used, undefined when they can
 */
export async function preparePeers(mayInstall: boolean, say: (line: string) => void): Promise<string | undefined> {
  if (reasonToInstall(peersFolder) === undefined) return undefined
  if (!mayInstall) return 'bench/peers is not installed.'
  say('installing bench/peers (npm ci) ...')
  const npm = npmCommand()
  const base = ['ci', '--include=optional', '--loglevel=error', '--no-audit', '--no-fund']
  for (const flags of [['--offline'], []]) {
    const options = { cwd: peersFolder, stdio: 'ignore', shell: npm.shell } as const
    await runToEnd(npm.command, [...npm.args, ...base, ...flags], options)
    if (reasonToInstall(peersFolder) === undefined) return undefined
  }
  return `npm ci in bench/peers failed: ${reasonToInstall(peersFolder)}.`
}

/** @returns the module of an installed peer; its type is what the caller says */
export function requirePeer<TModule>(name: string): TModule {
  return createRequire(join(peersFolder, 'package.json'))(name) as TModule
}

/** @returns the version of an installed peer, undefined when it is not there */
export function peerVersion(name: string): string | undefined {
  try {
    const path = join(peersFolder, 'node_modules', name, 'package.json')
    const { version } = JSON.parse(readFileSync(path, 'utf8')) as { readonly version: string }
    return version
  } catch {
    return undefined
  }
}
