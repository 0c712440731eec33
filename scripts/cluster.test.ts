// `npm run cluster`, as a user would run it.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { jetstream, jetstreamManager, type StreamInfo } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { root, run } from './tools.ts'

/** Other tests of a run take ports that the system gives them: these lie below. */
const port = 10_000 + Math.floor(Math.random() * 15_000)
const script = join(root, 'scripts/cluster.ts')
let folder: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cim-cluster-'))
})
after(() => rm(folder, { recursive: true, force: true }))

describe('the local cluster', () => {
  test('keeps what it stores, syncs it unless told otherwise, starts a server again that has died, and leaves none behind', async () => {
    await using cluster = await RunningCluster.start('--port', String(port), '--data', folder)
    const configuration = () => readFile(join(folder, 'n1/nats-server.conf'), 'utf8')
    assert.match(await configuration(), /sync_interval: always/)
    assert.equal(cluster.servers.length, 3)
    await withStream(cluster, async (jsm, js) => {
      await jsm.streams.add({ name: 'KEPT', subjects: ['kept'], num_replicas: 3 })
      await js.publish('kept', 'a')
    })
    process.kill(cluster.servers[1]?.pid ?? 0, 'SIGKILL')
    await cluster.says(/^n2 has ended \(SIGKILL\), and is started again\.$/m)
    const back = await cluster.says(/^n2 is back \(process (\d+)\)\.$/m)
    assert.equal(await cluster.end('SIGTERM'), 0)
    const pids = [...cluster.servers.map(({ pid }) => pid), Number(back[1])]
    assert.deepEqual(pids.filter(isAlive), [])

    await using again = await RunningCluster.start('--port', String(port), '--data', folder, '--sync', 'default')
    assert.match(await configuration(), /^(?!.*sync_interval)/s)
    await withStream(again, async (jsm) => assert.equal((await whenLed(jsm, 'KEPT')).state.messages, 1))
    const ports = await failure('--port', String(port - 1), '--data', join(folder, 'other'))
    assert.equal(
      ports,
      `Port ${port} on 127.0.0.1: is in use by another process. Stop what listens there, or choose other ports with --port <first of them>.`,
    )
    const data = await failure('--port', String(port + 10), '--data', folder)
    assert.match(data, /^The folder \S+ is used by another cluster .* choose another folder with --data\.$/)
    assert.equal(await again.end('SIGINT'), 0)
    assert.deepEqual(again.servers.map(({ pid }) => pid).filter(isAlive), [])
  })

  test('says what is wrong with its options', async () => {
    assert.equal(await failure('--prot', '1'), "Unknown option '--prot'. See --help.")
    assert.equal(await failure('--port', '64000'), "--port must be a whole number from 1 to 63533, got '64000'.")
    assert.equal(await failure('--sync', 'never'), "--sync must be always or default, got 'never'.")
    assert.equal(await failure('--data='), '--data must not be empty.')
  })
})

/** The script as a process. */
class RunningCluster implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #exited: Promise<number | null>
  #said = ''

  private constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, ['--conditions=@cim/source', script, ...args])
    this.#exited = once(this.#child, 'close').then(([code]) => code as number | null)
    for (const output of [this.#child.stdout, this.#child.stderr])
      output?.setEncoding('utf8').on('data', (text: string) => {
        this.#said += text
      })
  }

  static async start(...args: readonly string[]): Promise<RunningCluster> {
    const cluster = new RunningCluster(args)
    await cluster.says(/^Stop with Ctrl\+C\./m)
    return cluster
  }

  get servers(): readonly { readonly url: string; readonly pid: number }[] {
    const lines = this.#said.matchAll(/^ {2}n\d {2}(\S+) .*\(process (\d+)\)$/gm)
    return [...lines].map(([, url = '', pid]) => ({ url, pid: Number(pid) }))
  }

  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (const begun = performance.now(); performance.now() - begun < 60_000; await delay(20)) {
      const found = pattern.exec(this.#said)
      if (found !== null) return found
      if (this.#child.exitCode !== null) break
    }
    throw new Error(`The cluster should say ${pattern}. It says:\n${this.#said}`)
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal)
    return this.#exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGTERM')
  }
}

type Managers = [Awaited<ReturnType<typeof jetstreamManager>>, ReturnType<typeof jetstream>]

async function withStream(cluster: RunningCluster, use: (...managers: Managers) => Promise<void>): Promise<void> {
  const connection = await connect({ servers: cluster.servers.map(({ url }) => url) })
  try {
    await use(await jetstreamManager(connection), jetstream(connection))
  } finally {
    await connection.close()
  }
}

/** The servers have a leader, and the stream gets one of its own a moment later. */
async function whenLed(jsm: Managers[0], stream: string): Promise<StreamInfo> {
  for (let attempt = 1; ; attempt++) {
    const info = await jsm.streams.info(stream).catch((error: unknown) => error)
    if (!(info instanceof Error)) return info as StreamInfo
    if (attempt === 20) throw info
    await delay(200)
  }
}

async function failure(...args: readonly string[]): Promise<string> {
  const { exitCode, output } = await run(process.execPath, ['--conditions=@cim/source', script, ...args], root)
  assert.equal(exitCode, 1, output)
  return output.trimEnd()
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
