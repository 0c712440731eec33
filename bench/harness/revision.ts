/** Another revision of this repository, checked out and ready to run. */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { npmCommand } from '../../scripts/npm.js'

const root = dirname(dirname(import.meta.dirname))

/** A checkout in a folder of its own. */
export class Revision implements Disposable {
  readonly path: string
  /** Abbreviated. */
  readonly commit: string

  private constructor(path: string, commit: string) {
    this.path = path
    this.commit = commit
  }

  /**
   * @param name as git understands it: `HEAD~1`, a tag, a commit
   * @param folder where to put it; nothing is there yet
   * @throws {Error} when git does not know it, or what it needs cannot be installed
   */
  static checkOut(name: string, folder: string): Revision {
    const commit = commitOf(name)
    // What a run that was killed has left.
    git('worktree', 'prune')
    git('worktree', 'add', '--detach', folder, commit)
    const revision = new Revision(folder, commit)
    try {
      provideModules(folder)
      provideModules(folder, join('bench', 'peers'))
    } catch (error) {
      revision[Symbol.dispose]()
      throw error
    }
    return revision
  }

  [Symbol.dispose](): void {
    git('worktree', 'remove', '--force', this.path)
  }
}

/** @throws {Error} when git does not know it */
function commitOf(name: string): string {
  try {
    return git('rev-parse', '--short', '--verify', '--quiet', `${name}^{commit}`)
  } catch {
    throw new Error(`There is no revision ${name} in this repository. See git log --oneline.`)
  }
}

/** Takes over what is installed here when it is the same; installs it anew otherwise. */
function provideModules(folder: string, part = ''): void {
  const [here, there] = [join(root, part), join(folder, part)]
  if (
    readFileSync(join(here, 'package-lock.json'), 'utf8') !== readFileSync(join(there, 'package-lock.json'), 'utf8')
  ) {
    const npm = npmCommand()
    const flags = ['ci', '--prefer-offline', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error']
    execFileSync(npm.command, [...npm.args, ...flags], { cwd: there, shell: npm.shell, stdio: 'ignore' })
    return
  }
  // The peers are installed by those who need them.
  if (existsSync(join(here, 'node_modules'))) link(join(here, 'node_modules'), join(there, 'node_modules'))
}

function link(from: string, to: string): void {
  mkdirSync(to)
  for (const name of readdirSync(from)) {
    // The packages of the workspace are links to its own folders, relative ones, so they are the revision's there.
    if (name === '@cim') {
      mkdirSync(join(to, name))
      for (const own of readdirSync(join(from, name)))
        symlinkSync(readlinkSync(join(from, name, own)), join(to, name, own))
    } else if (!name.startsWith('.') || name === '.package-lock.json') symlinkSync(join(from, name), join(to, name))
  }
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
}
