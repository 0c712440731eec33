/** Three servers of which everything can be cut: clients from servers, and servers from each other. */

import { setTimeout as sleep } from 'node:timers/promises'
import { jetstreamManager, type StreamInfo } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { type CuttingProxy, startCuttingProxy } from '../cutting-proxy.ts'
import { type NatsCluster, type NatsServer, startNatsCluster } from '../nats-server.ts'

const patienceMs = 60_000

/** Knows who leads, and reaches every connection. */
export class FaultyCluster implements AsyncDisposable {
  readonly #cluster: NatsCluster
  readonly #clients: readonly CuttingProxy[]
  readonly #routes: ReadonlyMap<string, CuttingProxy>
  readonly #connection: NatsConnection

  /** @param isSynced acknowledges what is on the disk, not only with the operating system */
  static async start({ isSynced = false }: { readonly isSynced?: boolean } = {}): Promise<FaultyCluster> {
    const routes = new Map<string, CuttingProxy>()
    const routeThrough = async (port: number, from: string, to: string): Promise<number> => {
      const proxy = await startCuttingProxy(port)
      routes.set(`${from} ${to}`, proxy)
      return Number(new URL(proxy.url).port)
    }
    const cluster = await startNatsCluster({ isSynced, isMonitored: true, routeThrough })
    const clients = await Promise.all(cluster.servers.map(({ port }) => startCuttingProxy(port)))
    const connection = await connect({
      servers: [...cluster.urls],
      maxReconnectAttempts: -1,
      reconnectTimeWait: 50,
      pingInterval: 1000,
    })
    return new FaultyCluster(cluster, clients, routes, connection)
  }

  private constructor(
    cluster: NatsCluster,
    clients: readonly CuttingProxy[],
    routes: ReadonlyMap<string, CuttingProxy>,
    connection: NatsConnection,
  ) {
    this.#cluster = cluster
    this.#clients = clients
    this.#routes = routes
    this.#connection = connection
  }

  get servers(): readonly NatsServer[] {
    return this.#cluster.servers
  }

  /** Where clients reach the servers, past everything that cuts. */
  get directUrls(): readonly string[] {
    return this.#cluster.urls
  }

  /** Where clients reach the servers so that they can be cut. */
  get urls(): readonly string[] {
    return this.#clients.map(({ url }) => url)
  }

  /** How many connections of clients were cut. */
  get cuts(): number {
    return this.#clients.reduce((sum, { cuts }) => sum + cuts, 0)
  }

  /** Cuts the connections of all clients to a server once so many more bytes have passed. */
  cutClients(server: number, afterBytes: number): void {
    this.#clients[server]?.cutAfterSent(afterBytes)
  }

  /** Lets nothing pass between a server and the others. */
  cutOff({ name }: NatsServer): void {
    for (const route of this.#routesOf(name)) route.hold()
  }

  /** Servers find each other again; what was on its way is lost. */
  rejoin({ name }: NatsServer): void {
    for (const route of this.#routesOf(name)) {
      route.cut()
      route.release()
    }
  }

  async streamLeader(streamName: string): Promise<NatsServer> {
    const { cluster } = await this.#until(
      'the stream has a leader',
      () => this.#info(streamName),
      ({ cluster }) => {
        return this.servers.some(({ name }) => name === cluster?.leader)
      },
    )
    return this.#named(cluster?.leader)
  }

  /** The server that assigns streams to servers. */
  async metaLeader(): Promise<NatsServer> {
    const ask = async (): Promise<string | undefined> => {
      for (const { monitoringUrl } of this.servers) {
        const signal = AbortSignal.timeout(1000)
        const answer = await fetch(`${monitoringUrl}/jsz`, { signal }).catch(() => undefined)
        const { meta_cluster: meta } = ((await answer?.json()) as { meta_cluster?: { leader?: string } }) ?? {}
        if (meta?.leader !== undefined && meta.leader !== '') return meta.leader
      }
      return undefined
    }
    return this.#named(await this.#until('there is a meta leader', ask, (leader) => leader !== undefined))
  }

  /** Waits until every replica of a stream has everything. */
  async whenCurrent(streamName: string): Promise<void> {
    await this.#until(
      `every replica of ${streamName} is current`,
      () => this.#info(streamName),
      ({ cluster }) => {
        const replicas = cluster?.replicas ?? []
        return (
          replicas.length === 2 &&
          replicas.every(({ current, offline, lag }) => current && offline !== true && (lag ?? 0) === 0)
        )
      },
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close()
    await this.#cluster[Symbol.asyncDispose]()
    for (const proxy of [...this.#clients, ...this.#routes.values()]) await proxy[Symbol.asyncDispose]()
  }

  async #info(streamName: string): Promise<StreamInfo> {
    const manager = await jetstreamManager(this.#connection, { checkAPI: false, timeout: 1000 })
    return manager.streams.info(streamName)
  }

  #named(name: string | undefined): NatsServer {
    const server = this.servers.find((one) => one.name === name)
    if (server === undefined) throw new Error(`There is no server ${name}.`)
    return server
  }

  #routesOf(name: string): readonly CuttingProxy[] {
    return [...this.#routes].filter(([ends]) => ends.split(' ').includes(name)).map(([, proxy]) => proxy)
  }

  async #until<TFound>(what: string, look: () => Promise<TFound>, holds: (found: TFound) => boolean): Promise<TFound> {
    let last: unknown
    for (const end = performance.now() + patienceMs; performance.now() < end; ) {
      try {
        const found = await look()
        if (holds(found)) return found
        last = found
      } catch (error) {
        last = error
      }
      await sleep(50)
    }
    throw new Error(`It did not come to pass in ${patienceMs} ms that ${what}.`, { cause: last })
  }
}
