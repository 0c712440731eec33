import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { listening } from '../test-support/listening.ts'
import { runToEnd, ServiceProcess, spawnService } from '../test-support/service-process.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'
import { welcome } from './welcome.ts'

const run = promisify(execFile)
const facts = { dataFolder: 'data', nats: undefined, needsToken: true, tellsHR: false }
const hasCurl = await run('curl', ['--version']).then(
  () => true,
  () => false,
)

describe('the service', () => {
  test('explains itself', async () => {
    const { exitCode, output, errors } = await runToEnd(['--help'])
    assert.deepEqual([exitCode, errors], [0, ''])
    const options = [
      '--port',
      '--host',
      '--data',
      '--token',
      '--hr-url',
      '--hr-days',
      '--nats',
      '--nats-creds',
      '--log-level',
    ]
    for (const option of options) assert.ok(output.includes(option))
  })

  test('keeps what it has accepted when it is stopped politely, and ends with exit code 0', async (context) => {
    const dataFolder = temporaryFolder(context)
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const service = await started(context, dataFolder)
      const sending = Array.from({ length: 20 }, (_, index) => createPerson(service.url, `${signal}-${index}`))
      // The first answer shows that the others are on their way.
      await Promise.race(sending)
      assert.equal(await service.end(signal), 0)
      const accepted = (await Promise.allSettled(sending)).filter(({ status }) => status === 'fulfilled').length
      await using again = await started(context, dataFolder)
      const events = await fetch(`${again.url}/events?limit=1000`)
      const { events: stored } = (await events.json()) as {
        readonly events: readonly { readonly aggregateId: string }[]
      }
      const kept = stored.filter(({ aggregateId }) => aggregateId.startsWith(signal)).length
      assert.ok(accepted >= 1 && kept >= accepted, `${accepted} accepted, ${kept} kept`)
    }
  })

  test('goes on when nobody reads its output', async (context) => {
    const child = spawnService(['--port', '0', '--data', temporaryFolder(context)])
    const ended = once(child, 'exit')
    if (child.stdout !== null) await once(child.stdout, 'data')
    child.stdout?.destroy()
    child.kill('SIGTERM')
    assert.deepEqual(await ended, [0, null])
  })

  test('shows command lines that work as they are, and again', {
    skip: hasCurl ? false : 'curl is missing',
  }, async (context) => {
    await using service = await started(context, temporaryFolder(context))
    const lines = linesOf(welcome(service.url, { ...facts, needsToken: false }))
    assert.equal(lines.length, 3)
    for (let round = 1; round <= 2; round++) {
      const [create, change, look] = await runInOrder(lines)
      assert.match(create ?? '', /^\{"status":"Accepted","aggregateId":"ada","version":1,/)
      assert.match(change ?? '', /^\{"status":"Accepted","aggregateId":"ada","version":2,/)
      const [before, now] = (look ?? '')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>)
      assert.deepEqual(before?.state, { status: 'Active', legalName: { full: 'Ada Lovelace' } })
      assert.equal(now?.email, 'ada@example.org')
    }
  })

  test('says whether it tells HR of hirings', () => {
    assert.match(
      welcome('http://127.0.0.1:7117', facts),
      /without telling HR: say where they are with --hr-url <url>\./,
    )
    assert.match(welcome('http://127.0.0.1:7117', { ...facts, tellsHR: true }), /\nHR is told of hirings\./)
  })

  test('shows command lines with the token that it asks for, and not the token itself', () => {
    const text = welcome('http://127.0.0.1:7117', facts)
    assert.ok(linesOf(text).every((line) => line.includes('-H "authorization: Bearer $CIM_TOKEN"')))
  })

  test('shows command lines that go to loopback when it listens on every address', () => {
    for (const url of ['http://0.0.0.0:7117', 'http://[::]:7117', 'http://[0:0:0:0:0:0:0:0]:7117']) {
      const text = welcome(url, facts)
      assert.ok(text.startsWith(`The People service listens on ${url} `))
      for (const line of linesOf(text)) {
        assert.ok(line.includes('http://127.0.0.1:7117/') && !line.includes(url), line)
        assert.ok(line.includes('-H "authorization: Bearer $CIM_TOKEN"'), line)
      }
    }
    assert.ok(linesOf(welcome('http://192.168.1.2:7117', facts))[0]?.includes('http://192.168.1.2:7117/'))
  })
})

describe('a service that cannot run says in one line why, and ends with exit code 1', () => {
  test('when an option is unknown', async () => {
    assert.deepEqual(await failure(['--prot', '1']), "Unknown option '--prot'. See --help.")
  })

  test('when the port is taken', async (context) => {
    const port = await listening(context, (_, response) => response.end())
    const line = await failure(['--port', String(port), '--data', temporaryFolder(context)])
    assert.match(line, /^Port \d+ on 127\.0\.0\.1 is in use by another process\. Stop it, or choose another port\.$/)
  })

  test('when another process uses the data', async (context) => {
    const dataFolder = temporaryFolder(context)
    await using _ = await started(context, dataFolder)
    const line = await failure(['--port', '0', '--data', dataFolder])
    assert.match(line, /events\.sqlite: another process has opened it .* Stop that process, or choose another file\.$/)
  })

  test('when the data folder is a file', async (context) => {
    const file = join(temporaryFolder(context), 'file')
    writeFileSync(file, 'not a folder')
    assert.match(await failure(['--data', file]), /^The data folder .*file cannot be used .*--data <folder>\.$/)
  })

  test('when the data is not its own', async (context) => {
    const dataFolder = temporaryFolder(context)
    writeFileSync(
      join(dataFolder, 'events.sqlite'),
      'a letter, and long enough to be taken for nothing else'.repeat(100),
    )
    assert.match(await failure(['--data', dataFolder]), /events\.sqlite: .*not a SQLite database\. /)
  })

  test('when others could reach it without a token', async (context) => {
    const line = await failure(['--host', '0.0.0.0', '--port', '0', '--data', temporaryFolder(context)])
    assert.match(line, /^Refusing to listen on "0\.0\.0\.0": .*token/)
  })
})

async function started(context: TestContext, dataFolder: string): Promise<ServiceProcess> {
  const service = await ServiceProcess.start({ dataFolder })
  context.after(() => service.end('SIGKILL'))
  return service
}

async function createPerson(url: string, aggregateId: string): Promise<void> {
  const response = await fetch(`${url}/commands/CreatePerson`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ aggregateId, data: { legalName: aggregateId } }),
  })
  assert.equal(response.status, 200)
}

function linesOf(text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('curl '))
}

async function runInOrder(lines: readonly string[]): Promise<readonly string[]> {
  const outputs: string[] = []
  for (const line of lines) outputs.push((await run('sh', ['-c', line])).stdout)
  return outputs
}

async function failure(args: readonly string[]): Promise<string> {
  const { exitCode, output, errors } = await runToEnd(args)
  assert.deepEqual([exitCode, output], [1, ''])
  assert.equal(errors.trimEnd().split('\n').length, 1, errors)
  return errors.trimEnd()
}
