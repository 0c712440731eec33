// Three NATS servers with JetStream on this machine, which are started again when they end by themselves.
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { FileLock } from '@cim/sqlite'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { NatsProcess } from './nats-process.ts'

const names = ['n1', 'n2', 'n3'] as const
/** The servers reach each other on the ports so far behind those for clients: 6222 is what others use as well. */
export const routeOffset = 2000
const restartAfterMs = 1000
/** A server that ends so often within so long is left alone. */
const mostEnds = 5
const endsWithinMs = 60_000
const leaderTimeoutMs = 60_000
const answerTimeoutMs = 1000

export type LocalClusterOptions = {
  /** Where nats-server is. */
  readonly program: string
  /** Of the first server; the others have the next ones. */
  readonly port: number
  readonly folder: string
  /** When servers sync what they acknowledge; undefined for their own default, every two minutes. */
  readonly syncInterval: string | undefined
  /** Is told in a sentence what happens to a server. */
  readonly say: (text: string) => void
}

export class LocalCluster implements AsyncDisposable {
  readonly servers: readonly NatsProcess[]
  readonly #say: LocalClusterOptions['say']
  readonly #lock: FileLock
  readonly #stopping = new AbortController()
  #watching: readonly Promise<void>[] = []

  /**
   * @returns when the servers have found each other and chosen a leader
   * @throws {Error} that says what to do when a port or the folder is in use, or a server does not start
   */
  static async start(options: LocalClusterOptions): Promise<LocalCluster> {
    for (const index of names.keys()) {
      await assertFree(options.port + index)
      await assertFree(options.port + index + routeOffset)
    }
    const cluster = new LocalCluster(options)
    try {
      await cluster.#start()
      return cluster
    } catch (error) {
      await cluster.stop()
      throw error
    }
  }

  private constructor({ program, port, folder, syncInterval, say }: LocalClusterOptions) {
    this.#say = say
    mkdirSync(folder, { recursive: true })
    const lockFile = join(folder, 'cluster.lock')
    const refusal = `The folder ${folder} is used by another cluster (lock file ${lockFile}). Stop that one, or choose another folder with --data.`
    this.#lock = new FileLock(lockFile, refusal)
    const routePort = (index: number): number => port + routeOffset + index
    const routes = names.map((_, index) => `"nats://127.0.0.1:${routePort(index)}"`).join(', ')
    const sync = syncInterval === undefined ? '' : `, sync_interval: ${syncInterval}`
    this.servers = names.map((name, index) => {
      const own = join(folder, name)
      const configuration = [
        `jetstream { store_dir: ${JSON.stringify(own)}${sync} }`,
        `cluster { name: local, listen: "127.0.0.1:${routePort(index)}", routes: [${routes}] }`,
      ].join('\n')
      return new NatsProcess({ program, name, port: port + index, folder: own, configuration })
    })
  }

  async #start(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.start()))
    this.#watching = this.servers.map((server) => this.#watch(server))
    await leaderIsChosen(this.servers.map(({ url }) => url))
  }

  /** Starts a server again that has ended by itself. */
  async #watch(server: NatsProcess): Promise<void> {
    const { signal } = this.#stopping
    const ends: number[] = []
    while (!signal.aborted) {
      const how = await server.ended()
      // Whoever ends the servers may tell this process a moment later.
      await delay(restartAfterMs, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) return
      const now = performance.now()
      ends.push(now)
      if (ends.filter((end) => end > now - endsWithinMs).length >= mostEnds) {
        this.#say(
          `${server.name} has ended (${how}), ${mostEnds} times within a minute, and is left alone: see ${server.logFile}.`,
        )
        return
      }
      this.#say(`${server.name} has ended (${how}), and is started again.`)
      await server.start().then(
        () => this.#say(`${server.name} is back (process ${server.pid}).`),
        (error: unknown) => this.#say((error as Error).message),
      )
    }
  }

  /** Ends all servers. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.servers.map((server) => server.stop()))
    await Promise.all(this.#watching)
    // One may have been on its way back.
    await Promise.all(this.servers.map((server) => server.stop()))
    this.#lock[Symbol.dispose]()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

async function assertFree(port: number): Promise<void> {
  const probe = createServer().listen(port, '127.0.0.1')
  try {
    await once(probe, 'listening')
  } catch (cause) {
    const problem =
      (cause as NodeJS.ErrnoException).code === 'EADDRINUSE' ? 'is in use by another process' : String(cause)
    throw new Error(
      `Port ${port} on 127.0.0.1: ${problem}. Stop what listens there, or choose other ports with --port <first of them>.`,
      { cause },
    )
  } finally {
    if (probe.listening) await new Promise((resolve) => probe.close(resolve))
  }
}

/** Servers that have just found each other have no leader yet, and make no stream. */
async function leaderIsChosen(urls: readonly string[]): Promise<void> {
  for (const begun = performance.now(); ; await delay(200)) {
    try {
      // Each time anew: one of them may have taken the connection before it was able to answer.
      const connection = await connect({ servers: [...urls], reconnect: false, timeout: answerTimeoutMs })
      try {
        await jetstreamManager(connection, { timeout: answerTimeoutMs })
        return
      } finally {
        await connection.close()
      }
    } catch (cause) {
      if (performance.now() - begun > leaderTimeoutMs)
        throw new Error('The servers run, and have chosen no leader within a minute. See their logs.', { cause })
    }
  }
}
