// A service on NATS that cannot run, as whoever starts it meets it.
import assert from 'node:assert/strict'
import { existsSync, globSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { createPerson } from '../test-support/commands.ts'
import { startNatsServer } from '../test-support/nats-servers.ts'
import { runToEnd, ServiceProcess } from '../test-support/service-process.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

describe('a service that cannot run on NATS says in one line why, and ends with exit code 1', {
  concurrency: 2,
}, () => {
  test('when there is no server', async (context) => {
    const server = await startNatsServer(context)
    await server.stop()
    assert.match(
      await failure(context, server.url),
      /^NATS: no connection to \S+ \(.*\)\. Check that a server runs there/,
    )
  })

  test('when the server does not let it in, and never shows a password', async (context) => {
    const server = await startNatsServer(context, 'authorization { user: ada, password: right-password }')
    const { host } = new URL(server.url)
    for (const url of [server.url, `nats://ada:wrong-password@${host}`, `nats://wrong-token@${host}`]) {
      assert.match(
        await failure(context, url),
        /^NATS: nats:\/\/127\.0\.0\.1:\d+ does not let this user in (?!.*(password@|wrong)).* Compare user, password, token/,
      )
    }
  })

  test('when the server has no JetStream', async (context) => {
    const server = await startNatsServer(context, '')
    assert.match(await failure(context, server.url), /^JetStream: .* Check that the servers have JetStream enabled/)
  })

  test('when a file is not there', async (context) => {
    const url = 'nats://127.0.0.1:4222'
    assert.equal(
      await failure(context, url, '--nats-creds', 'no.creds'),
      '--nats-creds names a file that is not there: no.creds.',
    )
    assert.equal(
      await failure(context, url, '--nats-ca', 'no.pem'),
      '--nats-ca names a file that is not there: no.pem.',
    )
  })

  test('when its stream could lose events', async (context) => {
    const server = await startNatsServer(context)
    const connection = await connect({ servers: server.url })
    const { streams } = await jetstreamManager(connection)
    const subjects = ['hr.events.>', 'hr.outcomes.>']
    await streams.add({
      name: 'hr-EVENTS',
      subjects,
      max_age: 3_600_000_000_000,
      allow_direct: true,
      allow_atomic: true,
    })
    await connection.close()
    const line = await failure(context, server.url, '--nats-prefix', 'hr')
    assert.match(line, /^Stream hr-EVENTS is not safe for events: .*max_age is 3600000000000, expected 0/)
  })

  test('when another process has its folder', async (context) => {
    const server = await startNatsServer(context)
    const dataFolder = temporaryFolder(context)
    await using _ = await start(context, dataFolder, server.url)
    const line = await failureIn(dataFolder, server.url)
    assert.match(line, /nats-views\.sqlite: another process has opened it .* choose another folder with --data\.$/)
  })

  test('when its views were built from another log, and starts when they are gone', async (context) => {
    const server = await startNatsServer(context)
    const dataFolder = temporaryFolder(context)
    const service = await start(context, dataFolder, server.url, '--nats-prefix', 'one')
    await send(service)
    await untilWitnessed(dataFolder)
    assert.equal(await service.end('SIGTERM'), 0)
    const other = ['--nats-prefix', 'other'] as const
    assert.match(
      await failureIn(dataFolder, server.url, ...other),
      /nats-views\.sqlite were built from another log than the stream other-EVENTS on nats:\S+: at position 1 .* now there is no event\. .* delete \S+nats-views\.sqlite\* .* the bucket other-PROCESSING /,
    )
    // A log of the same length is another one, too.
    const filler = await start(context, temporaryFolder(context), server.url, ...other)
    await send(filler)
    await filler.end('SIGTERM')
    assert.match(await failureIn(dataFolder, server.url, ...other), /at position 1 .* now there is the event /)
    deleteViews(dataFolder)
    const anew = await start(context, dataFolder, server.url, ...other)
    assert.equal(await anew.end('SIGTERM'), 0)
  })

  test('when its log was made anew, and starts when views and bucket are gone as it says', async (context) => {
    const server = await startNatsServer(context)
    const dataFolder = temporaryFolder(context)
    const service = await start(context, dataFolder, server.url)
    await send(service)
    await untilWitnessed(dataFolder)
    assert.equal(await service.end('SIGTERM'), 0)
    const connection = await connect({ servers: server.url })
    const { streams } = await jetstreamManager(connection)
    const { config } = await streams.info('EVENTS')
    await streams.delete('EVENTS')
    await streams.add(config)
    const message = await failureIn(dataFolder, server.url)
    assert.match(
      message,
      / delete \S+nats-views\.sqlite\* .* and the bucket PROCESSING with `nats kv del PROCESSING`: /,
    )
    deleteViews(dataFolder)
    assert.match(await failureIn(dataFolder, server.url), /has processed position 1, but the event store ends at 0/)
    await streams.delete('KV_PROCESSING')
    await connection.close()
    const anew = await start(context, dataFolder, server.url)
    await send(anew)
    assert.equal(await anew.end('SIGTERM'), 0)
  })
})

async function failure(context: TestContext, url: string, ...args: readonly string[]): Promise<string> {
  return failureIn(temporaryFolder(context), url, ...args)
}

async function failureIn(dataFolder: string, url: string, ...args: readonly string[]): Promise<string> {
  const { exitCode, output, errors } = await runToEnd(['--port', '0', '--data', dataFolder, '--nats', url, ...args])
  assert.deepEqual([exitCode, output], [1, ''], errors)
  assert.equal(errors.trimEnd().split('\n').length, 1, errors)
  return errors.trimEnd()
}

async function start(
  context: TestContext,
  dataFolder: string,
  url: string,
  ...args: readonly string[]
): Promise<ServiceProcess> {
  const service = await ServiceProcess.start({ dataFolder, args: ['--nats', url, ...args] })
  context.after(() => service.end('SIGKILL'))
  return service
}

/** It looks once a second. */
async function untilWitnessed(dataFolder: string): Promise<void> {
  for (let waited = 0; !existsSync(join(dataFolder, 'nats-views.sqlite-log.json')); waited += 50) {
    assert.ok(waited < 20_000)
    await delay(50)
  }
}

function deleteViews(dataFolder: string): void {
  for (const file of globSync('nats-views.sqlite*', { cwd: dataFolder })) rmSync(join(dataFolder, file))
}

async function send({ url }: ServiceProcess): Promise<void> {
  const { commandType, ...body } = createPerson('ada', 'Ada Lovelace')
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(`${url}/commands/${commandType}`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  })
  assert.equal(response.status, 200)
}
