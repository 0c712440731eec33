// A service on NATS, and what it does when the servers go away, or come back as others.
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { NatsClient } from '@cim/nats'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { changeEmail, createPerson } from '../test-support/commands.ts'
import { startNatsServer } from '../test-support/nats-servers.ts'
import { runToEnd, ServiceProcess } from '../test-support/service-process.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

describe('a service on NATS', { concurrency: 2, timeout: 60_000 }, () => {
  test('waits for servers that are away, refuses commands meanwhile, answers queries, and goes on', async (context) => {
    const server = await startNatsServer(context)
    await using service = await ServiceProcess.start({
      dataFolder: temporaryFolder(context),
      args: ['--nats', server.url, '--log-level', 'silent'],
    })
    const { url } = service
    assert.equal((await post(url, createPerson('ada', 'Ada Lovelace'))).status, 200)
    assert.equal((await fetch(`${url}/queries/GetPersonById?personId=ada&after=1&wait=10000`)).status, 200)
    await server.stop()
    const [refused, found, ready] = await Promise.all([
      post(url, changeEmail('ada', 'ada@example.org')),
      fetch(`${url}/queries/GetPersonById?personId=ada`),
      fetch(`${url}/readyz`),
    ])
    assert.deepEqual([refused.status, found.status, ready.status], [503, 200, 503])
    assert.equal(((await refused.json()) as { readonly code: string }).code, 'store-unavailable')
    await server.start()
    for (let waited = 0; (await fetch(`${url}/readyz`)).status !== 200; waited += 50) {
      assert.ok(waited < 20_000, 'it should be ready again')
      await delay(50)
    }
    const changed = await post(url, changeEmail('ada', 'ada@example.org'))
    assert.deepEqual([changed.status, ((await changed.json()) as { readonly version: number }).version], [200, 2])
    assert.equal(await service.end('SIGTERM'), 0)
  })

  test('answers commands and queries over NATS, and ends when the servers come back without its log', async (context) => {
    const server = await startNatsServer(context)
    await using connection = await connected(server.url)
    const args = ['--port', '0', '--data', temporaryFolder(context), '--nats', server.url, '--nats-prefix', 'hr.people']
    const ended = runToEnd([...args, '--log-level', 'silent'])
    const client = new NatsClient({ connection, subjectPrefix: 'hr.people' })
    const create = { ...createPerson('ada', 'Ada Lovelace'), commandId: 'create-ada' }
    const { position } = await whenReachable(() => client.dispatch('Person', create))
    const query = { queryType: 'GetPersonById', parameters: { personId: 'ada' }, afterPosition: position }
    const { legalName } = (await client.query(query)) as { readonly legalName: unknown }
    assert.deepEqual(legalName, { full: 'Ada Lovelace' })
    // It looks once a second what its views have seen.
    await delay(2500)
    const { streams } = await jetstreamManager(connection)
    const { config } = await streams.info('hr-people-EVENTS')
    await server.stop()
    rmSync(join(server.folder, 'data'), { recursive: true })
    await server.start()
    await whenReachable(() => streams.add(config))
    const { exitCode, errors } = await ended
    assert.equal(exitCode, 1)
    assert.match(errors, /^The views in \S+ were built from another log than the stream hr-people-EVENTS on nats:/)
  })
})

function post(url: string, { commandType, ...body }: { readonly commandType: string }): Promise<Response> {
  const headers = { 'content-type': 'application/json' }
  return fetch(`${url}/commands/${commandType}`, { method: 'POST', headers, body: JSON.stringify(body) })
}

async function connected(servers: string): Promise<NatsConnection & AsyncDisposable> {
  const connection = await connect({ servers, maxReconnectAttempts: -1, reconnectTimeWait: 250 })
  return Object.assign(connection, { [Symbol.asyncDispose]: () => connection.close() })
}

async function whenReachable<TResult>(ask: () => Promise<TResult>): Promise<TResult> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask()
    } catch (error) {
      if (attempt === 200) throw error
      await delay(100)
    }
  }
}
