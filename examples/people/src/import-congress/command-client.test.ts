import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { type Application, MemoryEventStore, MemoryViewStore } from '@cim/core'
import { HttpServer } from '@cim/http'
import { createPeopleApplication } from '../application.ts'
import { listening } from '../test-support/listening.ts'
import { CommandClient } from './command-client.ts'
import { congressCommands, defaultMembershipsSince } from './congress-commands.ts'
import { readCongressData } from './congress-data.ts'
import { sendChains } from './send-chains.ts'

const fixture = readCongressData(join(import.meta.dirname, 'fixture'))
const chains = congressCommands(fixture, { membershipsSince: defaultMembershipsSince })
const total = chains.flat().length

describe('importing over HTTP', () => {
  test('sends everything, and a second time appends nothing', async (context) => {
    const application = createApplication()
    const { url } = await serve(context, application)
    assert.deepEqual(await importOver(url), { accepted: total, repeated: 0, refusals: [], skipped: 0 })
    assert.deepEqual(await importOver(url), { accepted: 0, repeated: total, refusals: [], skipped: 0 })
    assert.equal(await application.eventStore.headPosition(), total)
  })

  test('outlasts a restart of the service', async (context) => {
    const application = createApplication()
    const first = await serve(context, application)
    const { url } = first
    const port = Number(new URL(url).port)
    const client = new CommandClient({ url, onAvailabilityChange: (isAvailable) => changes.push(isAvailable) })
    const changes: boolean[] = []
    let restarted: Promise<unknown> | undefined
    const summary = await sendChains(chains, (command, signal) => client.send(command, signal), {
      headBefore: 0,
      concurrency: 4,
      onAcknowledgment: () => {
        restarted ??= first.stop().then(() => serve(context, application, { port }))
      },
    })
    await restarted
    assert.deepEqual(summary, { accepted: total, repeated: 0, refusals: [], skipped: 0 })
    assert.deepEqual(changes, [false, true])
    assert.equal(await application.eventStore.headPosition(), total)
  })

  test('gives up on a service that does not come back', async (context) => {
    const server = await serve(context, createApplication())
    const client = new CommandClient({ url: server.url, patienceMs: 100 })
    await server.stop()
    const sending = sendChains(chains, (command, signal) => client.send(command, signal), { headBefore: 0 })
    await assert.rejects(sending, {
      code: 'service-unavailable',
      message: /has not answered for 0\.1 s \(ECONNREFUSED\)/,
    })
  })

  test('reports what the service will not take, and goes on with the rest', async (context) => {
    const { url } = await serve(context, createApplication())
    const wrong = { ...chains[0]?.[0], data: { name: '' } } as (typeof chains)[number][number]
    const { accepted, refusals, skipped } = await importOver(url, [[wrong, wrong], ...chains.slice(1)])
    assert.deepEqual(
      refusals.map(({ code, message }) => [code, message]),
      [
        [
          'validation',
          'The command CreateOrganization is not valid. /data/name: Too small: expected string to have >=1 characters',
        ],
      ],
    )
    assert.deepEqual([accepted, skipped], [total - (chains[0]?.length ?? 0), 1])
  })

  test('needs a service to begin with', async (context) => {
    const server = await serve(context, createApplication())
    await server.stop()
    await assert.rejects(new CommandClient({ url: `${server.url}/` }).headPosition(), {
      message: /^Nothing answers at http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\)\. Start the service with npm start/,
    })
    const port = await listening(context, (_, response) => response.writeHead(404).end('no'))
    await assert.rejects(new CommandClient({ url: `http://127.0.0.1:${port}` }).headPosition(), {
      message: /is not a People service: .* gave status 404/,
    })
  })

  test('needs the token, if there is one', async (context) => {
    const token = 'at-least-sixteen-characters'
    const { url } = await serve(context, createApplication(), { token })
    await assert.rejects(new CommandClient({ url }).headPosition(), /asks for a token/)
    await assert.rejects(new CommandClient({ url, token: 'wrong' }).headPosition(), /asks for a token/)
    assert.equal(await new CommandClient({ url, token }).headPosition(), 0)
  })
})

function createApplication(): Application {
  return createPeopleApplication({ eventStore: new MemoryEventStore(), viewStore: new MemoryViewStore() })
}

async function serve(
  context: TestContext,
  application: Application,
  options: { readonly port?: number; readonly token?: string } = {},
): Promise<HttpServer> {
  const server = new HttpServer({ application, port: 0, ...options })
  await server.start()
  context.after(() => server.stop())
  return server
}

async function importOver(url: string, commands = chains) {
  const client = new CommandClient({ url })
  const headBefore = await client.headPosition()
  return sendChains(commands, (command, signal) => client.send(command, signal), { headBefore })
}
