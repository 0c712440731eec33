/** NATS servers for benchmarks: on free ports, with their data in a folder of the benchmark. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { obtainNatsServer } from '../../scripts/nats-server.ts'

/** What {@link startNatsServers} starts. */
export interface NatsServersOptions {
  readonly count: 1 | 3
  /** True: every write is synced before it is acknowledged. False: as servers do by default, every two minutes. */
  readonly syncAlways?: boolean
  /** Where to put their data; it is removed afterwards. */
  readonly folder: string
}

/** One server, or a cluster, that answers. */
export interface NatsServers extends AsyncDisposable {
  /** For instance `2.15.1`. */
  readonly version: string
  readonly urls: readonly string[]
  /** @param name as the server calls itself, for instance in what it says of a stream's leader */
  urlOf(name: string | undefined): string
}

const readyWithinMs = 20_000

/**
 * @returns when JetStream answers
 * @throws {Error} when there is no nats-server that is new enough, or it does not start
 */
export async function startNatsServers({
  count,
  syncAlways = false,
  folder,
}: NatsServersOptions): Promise<NatsServers> {
  const program = obtainNatsServer()
  const ports = await freePorts(count * 2)
  const names = Array.from({ length: count }, (_, index) => `n${index + 1}`)
  const routes = names.map((_, index) => `nats://127.0.0.1:${ports[count + index]}`).join(', ')
  const place = join(folder, `nats-${ports[0]}`)
  const children: ChildProcess[] = []
  const urls = ports.slice(0, count).map((port) => `nats://127.0.0.1:${port}`)
  const killAll = (): void => {
    for (const child of children) child.kill('SIGKILL')
  }
  // An error that nobody catches ends this process without disposing of anything.
  process.once('exit', killAll)
  const stop = async (): Promise<void> => {
    process.off('exit', killAll)
    await Promise.all(children.map(kill))
    rmSync(place, { recursive: true, force: true })
  }
  try {
    for (const [index, name] of names.entries()) {
      const data = join(place, name)
      mkdirSync(data, { recursive: true })
      const cluster = `cluster { name: bench, listen: 127.0.0.1:${ports[count + index]}, routes: [${routes}] }`
      const lines = [
        `server_name: ${name}`,
        `listen: 127.0.0.1:${ports[index]}`,
        `jetstream { store_dir: ${JSON.stringify(data)}${syncAlways ? ', sync_interval: always' : ''} }`,
        ...(count === 1 ? [] : [cluster]),
      ]
      const file = join(data, 'nats.conf')
      writeFileSync(file, `${lines.join('\n')}\n`)
      children.push(spawn(program, ['-c', file], { stdio: 'ignore' }))
    }
    const version = await untilJetStreamAnswers(urls)
    const urlOf = (name: string | undefined): string => urls[names.indexOf(name ?? 'n1')] ?? urls[0] ?? ''
    return { version, urls, urlOf, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Servers that have just found each other have no leader yet. @returns their version */
async function untilJetStreamAnswers(urls: readonly string[]): Promise<string> {
  for (const end = performance.now() + readyWithinMs; ; ) {
    try {
      const connection = await connect({ servers: [...urls], reconnect: false })
      try {
        const manager = await jetstreamManager(connection, { timeout: 1000 })
        // A cluster answers before all of its servers can take a stream.
        await manager.streams.add({ name: 'READY', subjects: ['ready'], num_replicas: urls.length })
        await manager.streams.delete('READY')
        return connection.info?.version ?? 'unknown'
      } finally {
        await connection.close()
      }
    } catch (error) {
      if (performance.now() > end) throw error
      await sleep(50)
    }
  }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

async function freePorts(count: number): Promise<readonly number[]> {
  const probes = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(probes.map((probe) => once(probe, 'listening')))
  const ports = probes.map((probe) => {
    const address = probe.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  })
  await Promise.all(probes.map((probe) => once(probe.close(), 'close')))
  return ports
}
