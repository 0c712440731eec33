/** Real NATS servers for tests: each on free ports, with a folder of its own that is gone afterwards. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'

/** One server. */
export interface NatsServer extends AsyncDisposable {
  readonly name: string
  readonly url: string
  readonly port: number
  /** @returns when it is ready to serve again; its folder is as it was left */
  start(): Promise<void>
  /** Ends it at once, as a power failure of the process would. */
  kill(): Promise<void>
  /** @param signal for instance SIGSTOP and SIGCONT */
  signal(signal: NodeJS.Signals): void
  /** Ends it at once, and loses all that it has stored. */
  wipe(): Promise<void>
  /** Where it tells of itself over HTTP; empty unless that was asked for. */
  readonly monitoringUrl: string
}

/** What a server gets besides its ports, as lines of its configuration file. */
export interface NatsServerOptions {
  readonly configuration?: string
  /** Acknowledges what is on the disk, not only with the operating system. */
  readonly isSynced?: boolean
}

/** What the servers of a cluster get besides. */
export interface NatsClusterOptions extends NatsServerOptions {
  readonly isMonitored?: boolean
  /** @returns the port at which one server reaches another, whose own it is given */
  readonly routeThrough?: (port: number, from: string, to: string) => Promise<number>
}

/** @returns one server with JetStream, started */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const server = createNatsServer('n1', await freePort(), options)
  await server.start()
  return server
}

/** A cluster of three servers with JetStream. */
export interface NatsCluster extends AsyncDisposable {
  readonly servers: readonly NatsServer[]
  readonly urls: readonly string[]
}

/** @returns three servers, started */
export async function startNatsCluster(options: NatsClusterOptions = {}): Promise<NatsCluster> {
  const { routeThrough } = options
  const names = ['n1', 'n2', 'n3']
  const ports = await Promise.all(names.flatMap(() => [freePort(), freePort()]))
  const monitoringPorts = options.isMonitored === true ? await Promise.all(names.map(freePort)) : []
  const servers = await Promise.all(
    names.map(async (name, index) => {
      const port = (of: number): number => ports[of * 2 + 1] ?? 0
      const reached = names.map((other, of) =>
        of === index ? port(of) : (routeThrough?.(port(of), name, other) ?? port(of)),
      )
      const routes = (await Promise.all(reached)).map((of) => `nats://127.0.0.1:${of}`).join(', ')
      // A wrong address is told to the others, or they would find ways around what stands between them.
      const advertised = routeThrough === undefined ? '' : ', advertise: "127.0.0.1:1"'
      const cluster = `cluster { name: test, listen: 127.0.0.1:${port(index)}, routes: [${routes}]${advertised} }`
      const configuration = `${cluster}\n${options.configuration ?? ''}`
      return createNatsServer(name, ports[index * 2] ?? 0, { ...options, configuration }, monitoringPorts[index])
    }),
  )
  await Promise.all(servers.map((server) => server.start()))
  await untilJetStreamAnswers(servers.map(({ url }) => url))
  const close = async () => void (await Promise.all(servers.map((server) => server[Symbol.asyncDispose]())))
  return { servers, urls: servers.map(({ url }) => url), [Symbol.asyncDispose]: close }
}

/** Servers that have just found each other have no leader yet. */
async function untilJetStreamAnswers(urls: readonly string[]): Promise<void> {
  const connection = await connect({ servers: [...urls] })
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        await jetstreamManager(connection, { timeout: 1000 })
        return
      } catch (error) {
        if (attempt === 30) throw error
      }
    }
  } finally {
    await connection.close()
  }
}

function createNatsServer(
  name: string,
  port: number,
  { configuration = '', isSynced = false }: NatsServerOptions,
  monitoringPort?: number,
): NatsServer {
  const program = natsServerPath()
  const folder = mkdtempSync(join(tmpdir(), 'cim-nats-'))
  const file = join(folder, 'nats.conf')
  const jetstream = `jetstream { store_dir: "${folder}/data"${isSynced ? ', sync_interval: always' : ''} }`
  const lines = [`server_name: ${name}`, `listen: 127.0.0.1:${port}`, jetstream]
  if (monitoringPort !== undefined) lines.push(`http: 127.0.0.1:${monitoringPort}`)
  writeFileSync(file, [...lines, configuration, ''].join('\n'))
  let child: ChildProcess | undefined
  let log = ''
  const kill = async () => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }
  return {
    name,
    port,
    url: `nats://127.0.0.1:${port}`,
    async start() {
      log = ''
      const started = spawn(program, ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] })
      child = started
      started.stderr.setEncoding('utf8').on('data', (chunk: string) => {
        log += chunk
      })
      for (let waited = 0; !log.includes('Server is ready'); waited += 20) {
        if (started.exitCode !== null || waited > 20_000) throw new Error(`nats-server did not start:\n${log}`)
        await sleep(20)
      }
    },
    kill,
    signal: (signal) => void child?.kill(signal),
    async wipe() {
      await kill()
      rmSync(join(folder, 'data'), { recursive: true, force: true })
    },
    monitoringUrl: monitoringPort === undefined ? '' : `http://127.0.0.1:${monitoringPort}`,
    async [Symbol.asyncDispose]() {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function natsServerPath(): string {
  const path =
    process.env.NATS_SERVER ??
    join(import.meta.dirname, '../../../../node_modules/.cache/nats-server/root/usr/sbin/nats-server')
  if (existsSync(path)) return path
  throw new Error(
    'There is no nats-server for this test. `npm test -- packages/nats` gets one; or name one in NATS_SERVER.',
  )
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
