import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { HttpServer } from './index.ts'
import { type Service, serve, startApplication } from './test-support/fixture.ts'
import { messagesOf } from './test-support/messages.ts'

function connectTo({ server }: Service): Socket {
  return connect(Number(new URL(server.url).port), '127.0.0.1')
}

async function readAll(socket: Socket): Promise<string> {
  let text = ''
  for await (const chunk of socket) text += chunk
  return text
}

/** Lets the next append begin, and keeps it from going on until it is released. */
function holdAppends(service: Service): { readonly begun: Promise<void>; release(): void } {
  const begun = Promise.withResolvers<void>()
  const held = Promise.withResolvers<void>()
  service.eventStore.beforeAppend = () => {
    begun.resolve()
    return held.promise
  }
  return { begun: begun.promise, release: () => held.resolve() }
}

describe('where it listens', () => {
  test('on the loopback address unless told otherwise', async () => {
    await using service = await serve()
    assert.match(service.server.url, /^http:\/\/127\.0\.0\.1:\d+$/)
    assert.equal((await service.send('/healthz')).status, 200)
  })

  test('not on an address that other machines reach, unless they need a token', async () => {
    const { application } = await startApplication()
    for (const host of ['0.0.0.0', '::', '192.168.1.2', 'example.org', '']) {
      assert.throws(() => new HttpServer({ application, host, port: 0 }), {
        code: 'unprotected-address',
        message: /Give a token .*, or listen on 127\.0\.0\.1/,
      })
    }
    const token = 'a-token-of-some-length'
    await using server = new HttpServer({ application, host: '0.0.0.0', port: 0, token })
    await server.start()
    const url = server.url.replace('0.0.0.0', '127.0.0.1')
    assert.equal((await fetch(`${url}/events`)).status, 401)
    assert.equal((await fetch(`${url}/events`, { headers: { authorization: `Bearer ${token}` } })).status, 200)
  })

  test('a port in use is an error that says so', async () => {
    await using service = await serve()
    const { application } = service
    const port = Number(new URL(service.server.url).port)
    await assert.rejects(new HttpServer({ application, port }).start(), {
      code: 'address-in-use',
      message: `Port ${port} on 127.0.0.1 is in use by another process. Stop it, or choose another port.`,
    })
    const nowhere = new HttpServer({ application, host: '127.0.0.1', port, token: 'a-token-of-some-length' })
    await nowhere.stop()
  })

  test('an unknown option is refused', async () => {
    const { application } = await startApplication()
    const options = { application, prot: 1 }
    assert.throws(() => new HttpServer(options), { code: 'invalid-option', option: 'prot' })
    assert.throws(() => new HttpServer({ application, port: 70_000 }), { code: 'invalid-option', option: 'port' })
  })
})

describe('requests that no route sees', () => {
  test('get 400 when they are not HTTP, or name no host', async () => {
    await using service = await serve()
    for (const request of [
      'what is this\r\n\r\n',
      'GET /events HTTP/1.1\r\n\r\n',
      'GET /events HTTP/1.1\r\nHost: a b\r\n\r\n',
      'GET /events HTTP/1.1\r\nHost: localhost\r\nX: a\u0000b\r\n\r\n',
      'GET /a\\b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
      'GET /events HTTP/1.0\r\n\r\n',
      'POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    ]) {
      const socket = connectTo(service)
      socket.write(request)
      assert.match(await firstLine(socket), /^HTTP\/1\.1 400 /, request)
      socket.destroy()
    }
    assert.equal((await service.send('/healthz')).status, 200)
  })

  test('get 413 before a body that is too large has come', async () => {
    await using service = await serve({ maxBodyBytes: 1000 })
    const socket = connectTo(service)
    socket.write(
      'POST /commands/CreatePerson HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 999999\r\n\r\n{',
    )
    assert.match(await firstLine(socket), /^HTTP\/1\.1 413 /)
    socket.destroy()
  })
})

async function firstLine(socket: Socket): Promise<string> {
  let text = ''
  while (!text.includes('\r\n')) text += (await once(socket, 'data'))[0]
  return text.slice(0, text.indexOf('\r\n'))
}

describe('stopping', () => {
  test('finishes the commands under way and takes no new connection', async () => {
    await using service = await serve()
    const { begun, release } = holdAppends(service)
    const answering = service.command('CreatePerson', { aggregateId: 'ada', data: { legalName: 'Ada' } })
    await begun
    const stopped = service.server.stop()
    await assert.rejects(fetch(`${service.server.url}/healthz`))
    release()
    const { status, headers, json } = await answering
    assert.equal(status, 200)
    assert.equal(json.status, 'Accepted')
    assert.equal(headers.get('connection'), 'close')
    await stopped
    assert.equal(await service.eventStore.headPosition(), 1)
  })

  test('finishes a command whose body is still coming', async () => {
    await using service = await serve()
    const socket = connectTo(service)
    const body = '{"data": {"legalName": "Ada"}}'
    const head = `POST /commands/CreatePerson HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`
    socket.write(head + body.slice(0, 5))
    // A second connection's answer shows that the first one's headers have arrived.
    await service.send('/healthz')
    const stopped = service.server.stop()
    socket.write(body.slice(5))
    assert.match(await readAll(socket), /^HTTP\/1\.1 200 .*"status":"Accepted"/s)
    await stopped
  })

  test('ends live streams', async () => {
    await using service = await serve()
    const { body } = await fetch(`${service.server.url}/events`, { headers: { accept: 'text/event-stream' } })
    assert.ok(body)
    const messages = messagesOf(body)
    await service.createPerson('ada')
    while ((await messages.next()).value?.id !== '1');
    const stopped = service.server.stop()
    assert.equal((await messages.next()).done, true)
    await stopped
  })

  test('is not held up by idle connections', async () => {
    await using service = await serve({ stopTimeoutMs: 60_000 })
    const unused = connectTo(service)
    await once(unused, 'connect')
    const used = connectTo(service)
    used.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
    assert.match(await firstLine(used), /200/)
    const closed = [once(unused.resume(), 'close'), once(used.resume(), 'close')]
    await service.server.stop()
    await Promise.all(closed)
  })

  test('ends after the time allowed, whatever is still under way', async () => {
    await using service = await serve({ stopTimeoutMs: 20 })
    const { begun, release } = holdAppends(service)
    const answering = assert.rejects(service.command('CreatePerson', { data: { legalName: 'Ada' } }))
    await begun
    await service.server.stop()
    await answering
    release()
  })

  test('may be asked for twice, and before the start', async () => {
    await using service = await serve()
    await Promise.all([service.server.stop(), service.server.stop()])
    const { application } = service
    const never = new HttpServer({ application, port: 0 })
    await never.stop()
    await assert.rejects(never.start(), { code: 'listen-failed', message: /was stopped/ })
    const hardly = new HttpServer({ application, port: 0 })
    const started = hardly.start()
    await hardly.stop()
    await started
    await assert.rejects(fetch(`${hardly.url}/healthz`))
  })
})

test('a client that leaves before its command has come is no fault', async () => {
  await using service = await serve()
  for (const framing of ['Content-Length: 100', 'Transfer-Encoding: chunked']) {
    const socket = connectTo(service)
    socket.write(
      `POST /commands/CreatePerson HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${framing}\r\n\r\n5\r\n{"dat`,
    )
    await service.send('/healthz')
    socket.destroy()
  }
  const gone = 'cim_http_requests_total{method="POST",route="/commands/:commandType",status="499"} 2'
  while (!(await service.send('/metrics')).text.includes(gone));
  const counted = 'cim_commands_total{command="CreatePerson",status="client-gone"} 2'
  assert.ok((await service.send('/metrics')).text.includes(counted))
  assert.deepEqual(service.faults, [])
  assert.equal(await service.eventStore.headPosition(), 0)
})

test('a fault is reported even when its client has left', async () => {
  await using service = await serve()
  const begun = Promise.withResolvers<void>()
  const held = Promise.withResolvers<void>()
  service.eventStore.beforeAppend = async () => {
    begun.resolve()
    await held.promise
    throw new Error('the disk is on fire')
  }
  const socket = connectTo(service)
  const body = '{"data": {"legalName": "Ada"}}'
  socket.write(
    `POST /commands/CreatePerson HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
  await begun.promise
  socket.destroy()
  held.resolve()
  const counted = 'cim_commands_total{command="CreatePerson",status="internal"} 1'
  while (!(await service.send('/metrics')).text.includes(counted));
  assert.match(String(service.faults), /on fire/)
})

test('a client that leaves in the middle of a command does not keep it from being done', async () => {
  await using service = await serve()
  const { begun, release } = holdAppends(service)
  const client = new AbortController()
  const answering = fetch(`${service.server.url}/commands/CreatePerson`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'Idempotency-Key': 'k' },
    body: JSON.stringify({ data: { legalName: 'Ada' } }),
    signal: client.signal,
  })
  await begun
  client.abort()
  await assert.rejects(answering)
  release()
  const again = await service.command('CreatePerson', { data: { legalName: 'Ada' } }, { 'Idempotency-Key': 'k' })
  assert.equal(again.json.version, 1)
  assert.equal(await service.eventStore.headPosition(), 1)
  assert.deepEqual(service.faults, [])
})
