import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { type Service, serve } from './test-support/fixture.ts'

const limit = { timeout: 30_000 }
const host = 'Host: localhost\r\n'
const json = 'Content-Type: application/json\r\n'

/** Sends bytes as they are. @returns the answers; the connection is closed after the last one */
async function answersTo(service: Service, bytes: string): Promise<readonly string[]> {
  const socket = connect(Number(new URL(service.server.url).port), '127.0.0.1').on('error', () => undefined)
  socket.write(bytes, 'latin1')
  let text = ''
  for await (const chunk of socket) text += chunk
  return text.split(/(?=HTTP\/1\.1 )/)
}

/** @returns status and code of an answer that must be a problem document */
function problemIn(answer = 'nothing'): readonly unknown[] {
  const [head = '', body = ''] = answer.split('\r\n\r\n')
  assert.match(head, /^content-type: application\/problem\+json$/im, answer)
  assert.match(head, /^connection: close$/im, answer)
  assert.match(head, new RegExp(`^content-length: ${Buffer.byteLength(body)}$`, 'im'), answer)
  const { status, code } = JSON.parse(body) as { readonly status: number; readonly code: string }
  assert.ok(head.startsWith(`HTTP/1.1 ${status} `), answer)
  return [status, code]
}

function createPerson(aggregateId: string, more = ''): string {
  const body = JSON.stringify({ aggregateId, data: { legalName: aggregateId } })
  return `POST /commands/CreatePerson HTTP/1.1\r\n${host}${json}Content-Length: ${body.length}\r\n${more}\r\n${body}`
}

describe('what never becomes a request is answered with a problem document', () => {
  const get = `GET /healthz HTTP/1.1\r\n${host}`
  const post = `POST /commands/CreatePerson HTTP/1.1\r\n${host}${json}`
  for (const [name, bytes, status, code] of [
    ['no HTTP', '\u0016\u0003\u0001\u0002\u0000', 400, 'bad-request'],
    ['an unknown version', `GET / HTTP/3.0\r\n${host}\r\n`, 400, 'bad-request'],
    ['an unknown method', `get / HTTP/1.1\r\n${host}\r\n`, 400, 'bad-request'],
    ['lines that end with LF alone', get.replaceAll('\r\n', '\n').concat('\n'), 400, 'bad-request'],
    ['bytes in the path that are no ASCII', `GET /\u00ff HTTP/1.1\r\n${host}\r\n`, 400, 'bad-request'],
    ['two lengths', `${post}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`, 400, 'bad-request'],
    [
      'a length beside chunks',
      `${post}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
      'bad-request',
    ],
    ['a chunk without a size', `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n`, 400, 'bad-request'],
    ['headers that are too large', `${get}X: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'headers-too-large'],
    [
      'extensions of chunks that are too large',
      `${post}Transfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(20_000)}\r\n`,
      413,
      'body-too-large',
    ],
    ['an expectation', `${get}Expect: the-moon\r\n\r\n`, 417, 'expectation-failed'],
    ['a tunnel', `CONNECT example.org:443 HTTP/1.1\r\n${host}\r\n`, 405, 'method-not-allowed'],
  ] as const) {
    test(name, limit, async () => {
      await using service = await serve()
      const answers = await answersTo(service, bytes)
      assert.deepEqual([answers.length, ...problemIn(answers[0])], [1, status, code])
      assert.equal((await service.send('/healthz')).status, 200)
      assert.deepEqual(service.faults, [])
    })
  }

  test('no host', limit, async () => {
    await using service = await serve()
    const answers = await answersTo(service, 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n')
    assert.deepEqual([answers.length, ...problemIn(answers[0])], [1, 400, 'bad-request'])
  })
})

test('a command that came in whole is answered before what is broken behind it', limit, async () => {
  await using service = await serve()
  const [first = '', second, ...more] = await answersTo(service, `${createPerson('ada')}}}`)
  assert.match(first, /^HTTP\/1\.1 200 .*"aggregateId":"ada"/s)
  assert.deepEqual([...problemIn(second), more.length], [400, 'bad-request', 0])
  const broken = `POST /commands/CreatePerson HTTP/1.1\r\n${host}${json}Transfer-Encoding: chunked\r\n\r\nzz\r\n`
  const answers = await answersTo(service, createPerson('grace') + createPerson('joan') + broken)
  assert.deepEqual(
    answers.map((answer) => /"aggregateId":"([^"]+)"/.exec(answer)?.[1] ?? problemIn(answer)[1]),
    ['grace', 'joan', 'bad-request'],
  )
})

test('what is broken behind a live stream ends with the stream when its client leaves', limit, async () => {
  await using service = await serve()
  const socket = connect(Number(new URL(service.server.url).port), '127.0.0.1').on('error', () => undefined)
  socket.write(`GET /events HTTP/1.1\r\n${host}Accept: text/event-stream\r\n\r\n}}`)
  const shown = async (line: string) => (await service.send('/metrics')).text.split('\n').includes(line)
  while (!(await shown('cim_event_streams 1')));
  socket.destroy()
  while (!(await shown('cim_event_streams 0')));
})

test('a client that asks for a tunnel and is gone does no harm', limit, async () => {
  await using service = await serve()
  for (let round = 0; round < 100; round++) {
    const socket = connect(Number(new URL(service.server.url).port), '127.0.0.1').on('error', () => undefined)
    // The answer to the first request is under way when the connection is cut.
    socket.write(`GET /metrics HTTP/1.1\r\n${host}\r\nCONNECT a:1 HTTP/1.1\r\n${host}\r\n`)
    await once(socket, 'connect')
    await new Promise((resolve) => setTimeout(resolve, round / 20))
    socket.resetAndDestroy()
  }
  assert.equal((await service.send('/healthz')).status, 200)
})
