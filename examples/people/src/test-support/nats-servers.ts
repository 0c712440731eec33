/** Real NATS servers that are gone after the test. */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { LocalCluster } from '../../../../scripts/local-cluster.ts'
import { NatsProcess } from '../../../../scripts/nats-process.ts'
import { obtainNatsServer } from '../../../../scripts/nats-server.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** @returns the cluster that `npm run cluster` starts, on other ports, as the service's command line names it */
export async function startCluster(context: TestContext): Promise<string> {
  const folder = temporaryFolder(context)
  for (let attempt = 1; ; attempt++) {
    // The ports that a system gives to those who ask for any are higher.
    const port = 10_000 + Math.floor(Math.random() * 15_000)
    try {
      const options = { program: obtainNatsServer(), port, folder, syncInterval: 'always', say: () => undefined }
      const cluster = await LocalCluster.start(options)
      context.after(() => cluster.stop())
      return cluster.servers.map(({ url }) => url).join(',')
    } catch (error) {
      if (attempt === 5 || !(error as Error).message.includes('in use')) throw error
    }
  }
}

/** @param configuration more lines; JetStream is on when left out */
export async function startNatsServer(context: TestContext, configuration?: string): Promise<NatsProcess> {
  const folder = temporaryFolder(context)
  const jetstream = `jetstream { store_dir: ${JSON.stringify(join(folder, 'data'))} }`
  const server = new NatsProcess({
    program: obtainNatsServer(),
    name: 'alone',
    port: await freePort(),
    folder,
    configuration: configuration ?? jetstream,
  })
  await server.start()
  context.after(() => server.stop())
  return server
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
