/** Requests that nobody sends by accident. Each gets an answer of the API's own, and changes nothing. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { type Service, serve } from './test-support/fixture.ts'

const token = 'correct-horse-battery-staple'
const admin = '/admin/processors'

function connectTo({ server }: Service): Socket {
  return connect(Number(new URL(server.url).port), '127.0.0.1').on('error', () => undefined)
}

/** Sends bytes as they are. @returns the whole answer; the connection is closed after it */
async function sendRaw(service: Service, request: string): Promise<string> {
  const socket = connectTo(service)
  socket.write(request, 'latin1')
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  await once(socket, 'close')
  return text
}

function rawGet(path: string, ...headers: readonly string[]): string {
  return [`GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...headers, '', ''].join('\r\n')
}

test('a token that is missing, wrong, too long or no ASCII gives 401 under /admin', async () => {
  await using service = await serve({ token })
  assert.match(await sendRaw(service, rawGet(admin, `Authorization: Bearer ${token}`)), /^HTTP\/1\.1 200 /)
  for (const authorization of [
    [],
    [''],
    ['Bearer'],
    ['Bearer '],
    [`Bearer ${token.slice(0, -1)}`],
    [`Bearer ${token.toUpperCase()}`],
    [`Bearer ${token},`],
    [`Bearer ${'x'.repeat(15_000)}`],
    [`Bearer ${token}${'\u00e9'.repeat(5)}`],
    [`Bearer \u00ff\u00fe\u00fd\u00fc${token}`],
    [`Bearer ${token}\u00a0`],
    [`Bearer ${token} ${token}`],
    // Which of two counts is nobody's guess: neither.
    [`Bearer ${token}`, 'Bearer wrong'],
    ['Bearer wrong', `Bearer ${token}`],
  ]) {
    const answer = await sendRaw(service, rawGet(admin, ...authorization.map((value) => `Authorization: ${value}`)))
    assert.match(answer, /^HTTP\/1\.1 401 .*"code":"unauthenticated"/s, JSON.stringify(authorization).slice(0, 80))
  }
  for (const path of [
    '//admin/processors',
    '/admin//processors',
    '/ADMIN/processors',
    '/admin/processors/',
    '/x/../admin/processors',
  ]) {
    assert.match(await sendRaw(service, rawGet(path)), /^HTTP\/1\.1 (401|404) /, path)
  }
  assert.deepEqual(service.faults, [])
})

test('headers that are too large give 431, and the service goes on', async () => {
  await using service = await serve()
  assert.match(await sendRaw(service, rawGet('/events', `X: ${'x'.repeat(20_000)}`)), /^HTTP\/1\.1 431 /)
  const many = Array.from({ length: 2500 }, (_, index) => `X-${index}: 1`)
  assert.match(await sendRaw(service, rawGet('/events', ...many)), /^HTTP\/1\.1 431 /)
  assert.match(await sendRaw(service, rawGet(`/${'x'.repeat(20_000)}`)), /^HTTP\/1\.1 431 /)
  assert.equal((await service.send('/healthz')).status, 200)
})

test('a client that sends too large a body is told so, and not cut off while it sends', async () => {
  await using service = await serve()
  for (const [path, size] of [
    ['/admin/processors/PersonView@1/pause', 1_800_000],
    ['/commands/CreatePerson', 4_000_000],
  ] as const) {
    const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`
    const body = ' '.repeat(size)
    for (const framed of [
      `Content-Length: ${size}\r\n\r\n${body}`,
      `Transfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    ]) {
      for (let round = 0; round < 5; round++) {
        const socket = connectTo(service)
        socket.write(head + framed)
        let text = ''
        for await (const chunk of socket) {
          text += chunk
          if (text.endsWith('}')) break
        }
        assert.match(text, /^HTTP\/1\.1 413 .*"code":"body-too-large"/s)
      }
    }
  }
  assert.deepEqual(service.faults, [])
})

describe('names that every JavaScript object has', () => {
  const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '__defineGetter__']

  test('are unknown commands, queries, aggregates, processors and views like all others', async () => {
    await using service = await serve()
    for (const name of names) {
      const body = { data: {} }
      for (const [path, code] of [
        [`/queries/${name}`, 'unknown-query'],
        [`/aggregates/${name}/a`, 'unknown-aggregate-type'],
        [`/aggregates/${name}/a/events`, 'unknown-aggregate-type'],
        [`/aggregates/Person/${name}`, 'not-found'],
        [`/admin/processors/${name}`, 'unknown-processor'],
        [`/admin/views/${name}`, 'unknown-view'],
        [`/admin/dead-letters/${name}/discarded`, 'unknown-processor'],
        [`/admin/dead-letters/PersonView@1/${name}/${name}`, 'not-found'],
        [`/problems/${name}`, 'not-found'],
        [`/${name}`, 'unknown-path'],
      ] as const) {
        const { status, json } = await service.send(path)
        assert.deepEqual([status, json.code], [404, code], path)
      }
      assert.equal((await service.command(name, body)).json.code, 'unknown-command', name)
    }
    assert.deepEqual(service.faults, [])
  })

  test('are unknown parameters and fields', async () => {
    await using service = await serve()
    await service.createPerson('a')
    for (const name of names) {
      for (const path of [
        `/queries/GetPersonById?id=a&${name}=1`,
        `/queries/GetPersonById?id=a&${name}[x]=1`,
        `/events?${name}=1`,
        `/aggregates/Person/a?${name}=1`,
        `/aggregates/Person/a/events?${name}=1`,
        `/admin/processors?${name}=1`,
        `/admin/dead-letters?${name}=1`,
        `/admin/dead-letters?state=${name}`,
        `/admin/dead-letters?after=${name}:0`,
      ]) {
        const { status, json } = await service.send(path)
        assert.deepEqual([status, json.code], [400, 'validation'], path)
      }
      const post = { method: 'POST', headers: { 'content-type': 'application/json' } }
      for (const [path, body] of [
        ['/commands/CreatePerson', `{"data":{"legalName":"A","${name}":{"x":1}}}`],
        ['/commands/CreatePerson', `{"data":{"legalName":"A"},"${name}":{"x":1}}`],
        ['/admin/processors/PersonView@1/pause', `{"${name}":{"x":1}}`],
        ['/admin/dead-letters/PersonView@1/retry', `{"filter":{"${name}":"x"}}`],
        ['/admin/dead-letters/PersonView@1/discard', `{"reason":"x","filter":{"${name}":"x"}}`],
      ] as const) {
        const { status, json } = await service.send(path, { ...post, body })
        assert.deepEqual([status, json.code], [400, 'validation'], `${path} ${body}`)
      }
    }
    assert.equal(({} as { readonly x?: unknown }).x, undefined)
    assert.equal(await service.eventStore.headPosition(), 1)
    assert.deepEqual(service.faults, [])
  })
})

test('members of JSON that stand in for methods give 400', async () => {
  await using service = await serve()
  const stub = '{"toString":1,"valueOf":1,"toJSON":1,"then":1,"constructor":1}'
  for (const name of [stub, `[${stub}]`, `{"length":${stub}}`, `{"length":[${stub}]}`, `{"size":[${stub}]}`]) {
    const { status, json } = await service.command('CreatePerson', `{"data":{"legalName":${name}}}`)
    assert.deepEqual([status, json.code], [400, 'validation'], name)
  }
  assert.deepEqual(service.faults, [])
})

test('every id that a command takes finds its aggregate under its percent-encoding', async () => {
  await using service = await serve()
  const ids = [
    'a/b',
    'a%2Fb',
    '%',
    '%25',
    '%zz',
    'a b',
    'a+b',
    '?',
    '#',
    '&',
    '=',
    ';',
    ':',
    '@',
    '\\',
    '"',
    "'",
    '<',
    '\u00e9',
    '\u{1f600}',
    '\u202e',
    '...',
    'a.',
    '~',
    '*',
    '__proto__',
    'events',
    ':aggregateId',
  ]
  for (const id of ids) {
    await service.createPerson(id)
    const path = `/aggregates/Person/${encodeURIComponent(id)}`
    for (const where of [path, `${path}/events`]) {
      const { status, json } = await service.send(where)
      assert.deepEqual([status, json.aggregateId], [200, id], where)
    }
    const { position } = (await service.send(path)).json
    const found = await service.send(`/queries/GetPersonById?id=${encodeURIComponent(id)}&after=${position}`)
    assert.equal((found.json as unknown as { readonly id: string }).id, id)
  }
})

test('a path with a percent-encoding that is not UTF-8 gives 400, and means no other path', async () => {
  await using service = await serve()
  await service.createPerson('%ff')
  assert.equal((await service.send('/aggregates/Person/%25ff')).status, 200)
  for (const path of [
    '/aggregates/Person/%ff',
    '/aggregates/Person/%ff/events',
    '/aggregates/Person/%25%',
    '/aggregates/Person/%c0%af',
    '/aggregates/Person/%ed%a0%80',
    '/admin/processors/PersonView%401%fe',
    '/commands/%zz',
    '/queries/%',
    '/%80',
  ]) {
    const answer = await sendRaw(service, rawGet(path))
    assert.match(answer, /^HTTP\/1\.1 400 .*"code":"bad-request"/s, path)
  }
  assert.deepEqual(service.faults, [])
})

test('a moment that makes no sense gives 400 and replays nothing', async () => {
  await using service = await serve()
  await service.createPerson('a')
  for (const asOf of [
    ...[
      '',
      ' ',
      '-1',
      '+1',
      '1.0',
      '1e0',
      '0x1',
      '١',
      '00000000000000001',
      '9007199254740992',
      '9'.repeat(400),
      'NaN',
      'Infinity',
    ],
    ...['null', 'now', '2026', '2026-06', '2026-06-15T12:00:00', '2026-02-30T00:00:00Z', '2026-13-01T00:00:00Z'],
    ...[
      '+275760-09-13T00:00:00Z',
      '+999999-01-01T00:00:00Z',
      '-000001-01-01T00:00:00Z',
      '9999-12-31T23:59:59Z',
      '2026-06-15T25:00:00Z',
    ],
    ...[
      '2026-06-15T12:00:00+99:99',
      '2026-06-15T12:00:00Z\u0000',
      'Z'.repeat(5000),
      '2',
      '9007199254740991',
      '__proto__',
      '[object Object]',
    ],
  ]) {
    const path = `/queries/GetPersonById?id=a&asOf=${encodeURIComponent(asOf)}`
    const { status, json } = await service.send(path)
    assert.deepEqual([status, json.code], [400, 'validation'], JSON.stringify(asOf).slice(0, 60))
    assert.equal(json.errors[0]?.pointer, '/asOf')
    assert.ok(json.detail.length < 6000)
  }
  for (const more of ['asOf=1&asOf=1', 'asOf=1&after=1', 'asOf=1&wait=1']) {
    assert.equal((await service.send(`/queries/GetPersonById?id=a&${more}`)).status, 400, more)
  }
  assert.equal((await service.send('/queries/GetPersonById?id=a&asOf=0')).status, 404)
  assert.equal((await service.send('/queries/GetPersonById?id=a&asOf=0000000000000001')).status, 200)
  assert.deepEqual(service.faults, [])
})
