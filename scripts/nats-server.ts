// Finds nats-server, or gets a private copy of it where the machine's package manager carries one.
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { root } from './tools.ts'

/** Older servers have no atomic batches. */
const leastVersion = [2, 12] as const
const cache = join(root, 'node_modules', '.cache', 'nats-server')
const cached = join(cache, 'root', 'usr', 'sbin', 'nats-server')
const instructions =
  `nats-server ${leastVersion.join('.')} or later is needed. Install it so that it is on the PATH ` +
  '(`brew install nats-server`, or the binary of a release), or name it in NATS_SERVER.'

/**
 * @returns the path of a nats-server that is new enough
 * @throws {Error} that says how to get one
 */
export function obtainNatsServer(): string {
  const named = process.env.NATS_SERVER
  if (named !== undefined) {
    const version = versionOf(named)
    if (isNewEnough(version)) return named
    throw new Error(`NATS_SERVER is ${named}, which is ${version ?? 'no nats-server'}. ${instructions}`)
  }
  const onPath = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'nats-server'))
  for (const path of [cached, ...onPath, '/usr/sbin/nats-server']) {
    if (existsSync(path) && isNewEnough(versionOf(path))) return path
  }
  const problem = getFromDebian()
  if (problem === undefined && isNewEnough(versionOf(cached))) return cached
  throw new Error(`${instructions} Debian's package could not be used: ${problem ?? 'it is too old'}.`)
}

function versionOf(path: string): string | undefined {
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' })
  return /v(\d+\.\d+\.\d+)/.exec(stdout ?? '')?.[1]
}

function isNewEnough(version: string | undefined): boolean {
  if (version === undefined) return false
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > leastVersion[0] || (major === leastVersion[0] && minor >= leastVersion[1])
}

/**
 * Unpacks Debian's package into the cache; nothing is installed, and no right of root is needed. Its address and its key are
 * those of the machine's own sources.
 * @returns why that was not possible, undefined when it was
 */
function getFromDebian(): string | undefined {
  const source = debianSource()
  if (source === undefined) return 'this machine has no sources of Debian packages'
  rmSync(cache, { recursive: true, force: true })
  for (const folder of ['lists/partial', 'archives/partial', 'root'])
    mkdirSync(join(cache, folder), { recursive: true })
  writeFileSync(join(cache, 'sources.list'), source)
  writeFileSync(join(cache, 'status'), '')
  const options = {
    'Dir::Etc::SourceList': join(cache, 'sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State::Lists': join(cache, 'lists'),
    'Dir::State::Status': join(cache, 'status'),
    'Dir::Cache': cache,
    'Acquire::Languages': 'none',
  }
  const apt = (command: string, ...names: readonly string[]) => {
    const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
    return run('apt-get', ...flags, command, ...names)
  }
  const problem = apt('update') ?? apt('download', 'nats-server')
  if (problem !== undefined) return problem
  const [archive] = globSync('nats-server_*.deb', { cwd: cache })
  if (archive === undefined) return 'nothing was downloaded'
  const unpacking = run('dpkg', '-x', join(cache, archive), join(cache, 'root'))
  for (const rest of ['lists', 'archives', archive]) rmSync(join(cache, rest), { recursive: true, force: true })
  return unpacking
}

function run(command: string, ...args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync(command, args, { cwd: cache, encoding: 'utf8' })
  if (error !== undefined) return error.message
  return status === 0 ? undefined : `${command} ended with ${status}: ${stderr.trim()}`
}

/** @returns a line for the suite that carries new servers, with the address and key of the machine's main source */
function debianSource(): string | undefined {
  for (const path of globSync('/etc/apt/{sources.list,sources.list.d/*}')) {
    const text = readFileSync(path, 'utf8')
    const uri = /^(?:URIs:|deb(?: \[[^\]]*\])?)\s+(\S+\/debian\/?)(?=\s|$)/m.exec(text)?.[1]
    if (uri === undefined) continue
    const key = /^Signed-By:\s*(\/\S+)/m.exec(text)?.[1] ?? /signed-by=(\/[^\s\]]+)/.exec(text)?.[1]
    return `deb ${key === undefined ? '' : `[signed-by=${key}] `}${uri} testing main\n`
  }
  return undefined
}
