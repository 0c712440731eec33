import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { type Service, serve } from '../test-support/fixture.ts'
import { type Message, messagesOf } from '../test-support/messages.ts'

interface Stream extends AsyncDisposable {
  readonly response: Response
  /** The next message with data. */
  next(): Promise<Message | undefined>
  /** The next message of any kind, comments and progress too. */
  nextOfAny(): Promise<Message | undefined>
}

async function follow(service: Service, path: string, headers?: Readonly<Record<string, string>>): Promise<Stream> {
  const client = new AbortController()
  const response = await fetch(service.server.url + path, {
    headers: { accept: 'text/event-stream', ...headers },
    signal: client.signal,
  })
  assert.ok(response.body)
  const messages = messagesOf(response.body)
  const nextOfAny = async (): Promise<Message | undefined> => (await messages.next()).value
  return {
    response,
    nextOfAny,
    async next() {
      let message = await nextOfAny()
      while (message !== undefined && message.data === undefined) message = await nextOfAny()
      return message
    },
    async [Symbol.asyncDispose]() {
      client.abort()
    },
  }
}

/** Awaits a condition on the metrics, which are asked again and again. */
async function metricsShow(service: Service, line: string): Promise<void> {
  while (!(await service.send('/metrics')).text.split('\n').includes(line));
}

test('the past comes first, then what happens, without a gap or a duplicate', async () => {
  await using service = await serve()
  await service.createPerson('p1')
  await using stream = await follow(service, '/events')
  assert.equal(stream.response.status, 200)
  assert.equal(stream.response.headers.get('content-type'), 'text/event-stream')
  const first = await stream.next()
  assert.equal(first?.id, '1')
  assert.equal(first?.event, 'PersonCreated')
  const [stored] = (await service.eventStore.readEvents()).events
  assert.deepEqual(JSON.parse(first?.data ?? ''), stored)
  const creating = Promise.all(Array.from({ length: 200 }, (_, index) => service.createPerson(`live-${index}`)))
  for (let position = 2; position <= 201; position++) assert.equal((await stream.next())?.id, String(position))
  await creating
})

test('a stream resumes after Last-Event-ID, which counts for more than after', async () => {
  await using service = await serve()
  for (const id of ['a', 'b', 'c', 'd']) await service.createPerson(id)
  await using after = await follow(service, '/events?after=1')
  assert.equal((await after.next())?.id, '2')
  await using resumed = await follow(service, '/events?after=1', { 'Last-Event-ID': '3' })
  assert.equal((await resumed.next())?.id, '4')
  await using fresh = await follow(service, '/events?after=1', { 'Last-Event-ID': '' })
  assert.equal((await fresh.next())?.id, '2')
})

test('only what was asked for is sent', async () => {
  await using service = await serve()
  await using byType = await follow(service, '/events?subject=events.*.EmailChanged')
  await using byCorrelation = await follow(service, '/events?aggregateType=Person&correlationId=visit-2')
  await service.createPerson('a')
  const email = (newEmail: string) => ({ aggregateId: 'a', data: { newEmail } })
  await service.command('ChangeEmail', email('one@example.org'), { 'X-Correlation-ID': 'visit-1' })
  await service.command('ChangeEmail', email('two@example.org'), { 'X-Correlation-ID': 'visit-2' })
  assert.equal((await byType.next())?.id, '2')
  assert.equal((await byType.next())?.id, '3')
  assert.equal((await byCorrelation.next())?.id, '3')
})

test('a heartbeat tells a client how far it has come where nothing matched', async () => {
  await using service = await serve({ heartbeatMs: 5 })
  for (const id of ['a', 'b', 'c']) await service.createPerson(id)
  await using stream = await follow(service, '/events?subject=events.*.EmailChanged')
  let message = await stream.nextOfAny()
  while (message?.id === undefined) message = await stream.nextOfAny()
  assert.deepEqual(message, { comment: 'heartbeat', id: '3' })
  assert.deepEqual(await stream.nextOfAny(), { comment: 'heartbeat' })
})

test('a long past without a match tells of progress on the way', async () => {
  await using service = await serve()
  const notes = Array.from({ length: 1000 }, () => ({ eventType: 'NoteTaken', eventData: { note: 1 } }))
  for (let run = 0; run < 3; run++) {
    await service.eventStore.appendDirectly({ aggregateType: 'Person', aggregateId: `p${run}` }, notes)
  }
  await using stream = await follow(service, '/events?subject=events.*.EmailChanged')
  const ids: (string | undefined)[] = []
  while (ids.at(-1) !== '3000') {
    const message = await stream.nextOfAny()
    if (message?.id !== undefined) ids.push(message.id)
  }
  assert.deepEqual(ids, ['1000', '2000', '3000'])
})

test('what cannot be followed gives 400', async () => {
  await using service = await serve()
  for (const [path, headers] of [
    ['/events?limit=1', {}],
    ['/events?from=2026-01-01', {}],
    ['/events?subject=a..b', {}],
    ['/events', { 'Last-Event-ID': 'x' }],
    ['/events', { 'Last-Event-ID': '-1' }],
  ] as const) {
    const { status } = await service.send(path, { headers: { accept: 'text/event-stream', ...headers } })
    assert.equal(status, 400, path)
  }
})

test('a position that the store has not come to gives 400 instead of a stream that misses what comes', async () => {
  await using service = await serve()
  for (const id of ['a', 'b']) await service.createPerson(id)
  const accept = 'text/event-stream'
  const after = await service.send('/events?after=3', { headers: { accept } })
  assert.deepEqual([after.status, after.json.code], [400, 'validation'])
  assert.equal(after.json.errors[0]?.pointer, '/after')
  const header = await service.send('/events?after=1', { headers: { accept, 'Last-Event-ID': '3' } })
  assert.deepEqual([header.status, header.json.code], [400, 'invalid-header'])
  assert.equal(header.json.header, 'last-event-id')
  assert.match(header.json.detail, /newest event, which has position 2, got 3/)
  await using atTheHead = await follow(service, '/events', { 'Last-Event-ID': '2' })
  await service.createPerson('c')
  assert.equal((await atTheHead.next())?.id, '3')
})

test('a client that leaves frees its stream', async () => {
  await using service = await serve()
  const stream = await follow(service, '/events')
  await metricsShow(service, 'cim_event_streams 1')
  await stream[Symbol.asyncDispose]()
  await metricsShow(service, 'cim_event_streams 0')
  assert.deepEqual(service.faults, [])
})

test('HEAD opens no stream', async () => {
  await using service = await serve()
  const { status } = await service.send('/events', { method: 'HEAD', headers: { accept: 'text/event-stream' } })
  assert.equal(status, 200)
  await metricsShow(service, 'cim_event_streams 0')
})

test('more streams than allowed give 503', async () => {
  await using service = await serve({ maxStreams: 1 })
  await using _stream = await follow(service, '/events')
  const { status, json } = await service.send('/events', { headers: { accept: 'text/event-stream' } })
  assert.equal(status, 503)
  assert.equal(json.code, 'too-many-streams')
})

test('a store that closes ends the stream and leaves the service running', async () => {
  await using service = await serve()
  await using stream = await follow(service, '/events')
  await service.createPerson('a')
  assert.equal((await stream.next())?.id, '1')
  await service.eventStore.close()
  assert.equal(await stream.next(), undefined)
  assert.equal((await service.send('/healthz')).status, 200)
})

test('a client that does not read keeps the store from being read for it', async () => {
  await using service = await serve()
  const batches = 20
  const note = { eventType: 'NoteTaken', eventData: { note: 'x'.repeat(20_000) } }
  const run = Array.from({ length: 100 }, () => note)
  for (let index = 0; index < batches; index++) {
    await service.eventStore.appendDirectly({ aggregateType: 'Person', aggregateId: `p${index}` }, run)
  }
  // The projection reads nothing of this: it handles other events, and its batches are larger.
  const before = service.eventStore.batchesRead
  const socket = connect(Number(new URL(service.server.url).port), '127.0.0.1')
  socket.write('GET /events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n')
  await metricsShow(service, 'cim_event_streams 1')
  for (let turn = 0; turn < 100; turn++) await service.send('/healthz')
  assert.ok(service.eventStore.batchesRead - before < batches, 'everything was read though nothing was taken')
  assert.equal(await lastIdOn(socket, batches * run.length), batches * run.length)
})

/** Reads a raw response until an id, checks that the ids rise by one, and returns the last. */
async function lastIdOn(socket: Socket, until: number): Promise<number> {
  let text = ''
  let last = 0
  for await (const chunk of socket) {
    // What matters is ASCII, and a letter that is cut in two is not.
    text += (chunk as Buffer).toString('latin1')
    const lines = text.split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) {
      if (!line.startsWith('id: ')) continue
      assert.equal(Number(line.slice(4)), last + 1)
      last++
    }
    if (last === until) break
  }
  return last
}
