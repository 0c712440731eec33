// Clients that take their time, many at once. Whoever sends at last is answered, whoever never does is cut off, and
// nobody else waits for either. CIM_SENDERS=1000 sends more of them, and bodies without end too: those have 30 seconds.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RawAnswer } from '../test-support/fuzz/answer-parser.ts'
import { FuzzedService } from '../test-support/fuzz/fuzzed-service.ts'
import { HealthyClient } from '../test-support/fuzz/healthy-client.ts'
import { RawConnection } from '../test-support/fuzz/raw-connection.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

const senders = Number(process.env.CIM_SENDERS ?? 200)
const isLong = process.env.CIM_SENDERS !== undefined
const betweenBytesMs = 30
const head = 'Host: 127.0.0.1\r\nContent-Type: application/json\r\n'

/** @returns the answer that came while the bytes were sent one by one, or after the last one; undefined when it is cut off */
async function sendSlowly(port: number, bytes: Iterable<string>): Promise<RawAnswer | undefined> {
  using connection = await RawConnection.open(port)
  for (const byte of bytes) {
    connection.send(Buffer.from(byte, 'latin1'))
    const early = await connection.read(false, betweenBytesMs)
    if (early !== undefined || connection.isClosed) return early
  }
  return await connection.read(false, 60_000)
}

function createPerson(aggregateId: string): string {
  const body = JSON.stringify({ aggregateId, data: { legalName: 'Slow' } })
  return `POST /commands/CreatePerson HTTP/1.1\r\n${head}Content-Length: ${body.length}\r\n\r\n${body}`
}

/** Headers or a body without end. */
function* endless(index: number): Generator<string> {
  const isBody = isLong && index % 2 === 0
  yield* isBody
    ? `POST /commands/CreatePerson HTTP/1.1\r\n${head}Content-Length: 2000000\r\n\r\n`
    : 'GET / HTTP/1.1\r\n'
  for (;;) yield* isBody ? ' ' : 'X: y\r\n'
}

test(`${senders} clients that send byte by byte keep nobody waiting, and none of them holds on for ever`, async (context) => {
  await using service = await FuzzedService.start({ dataFolder: temporaryFolder(context), token: undefined })
  const client = new HealthyClient(service)
  const before = await service.holdings()
  const stop = new AbortController()
  const asking = client.keepAsking('healthy', stop.signal)
  const ids = Array.from({ length: senders / 2 }, (_, index) => `slow-${index}`)
  const sending = Promise.all(ids.map((id) => sendSlowly(service.port, createPerson(id))))
  const hanging = Promise.all(ids.map((_, index) => sendSlowly(service.port, endless(index))))

  const answers = await Promise.race([sending, asking])
  assert.ok(typeof answers === 'object')
  assert.deepEqual(
    answers.map((answer) => [answer?.status, /"aggregateId":"([^"]+)"/.exec(answer?.body ?? '')?.[1]]),
    ids.map((id) => [200, id]),
  )
  // Bytes that are under way when a connection is closed may take its last answer with them.
  for (const answer of await hanging) assert.match(answer?.body ?? 'cut', /^cut$|"code":"request-timeout"/)
  stop.abort()
  context.diagnostic(`${await asking} healthy requests were answered meanwhile`)
  const { descriptors, resources } = await service.holdings()
  assert.ok(resources <= before.resources + 2, `${before.resources} resources, then ${resources}`)
  assert.ok(
    (descriptors ?? 0) <= (before.descriptors ?? 0) + 2,
    `${before.descriptors} descriptors, then ${descriptors}`,
  )
  assert.deepEqual(service.faults, [])
})
