import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Service, serve } from '../test-support/fixture.ts'
import { type Message, messagesOf } from '../test-support/messages.ts'

interface Stream extends AsyncDisposable {
  readonly response: Response
  /** The next message of any kind, comments too. */
  nextOfAny(): Promise<Message | undefined>
  /** The next message with data. */
  next(): Promise<Message | undefined>
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

function changeEmail(service: Service, newEmail: string) {
  return service.command('ChangeEmail', { aggregateId: 'a', data: { newEmail } })
}

test('a query is answered at once, and again when its result has changed', async () => {
  await using service = await serve()
  await service.createPerson('a')
  await using stream = await follow(service, '/queries/GetPersonById?id=a&after=1')
  assert.equal(stream.response.status, 200)
  assert.equal(stream.response.headers.get('content-type'), 'text/event-stream')
  const first = await stream.next()
  assert.deepEqual([first?.event, first?.id], ['result', '1'])
  assert.deepEqual(JSON.parse(first?.data ?? ''), { id: 'a', legalName: 'Ada Lovelace' })
  await service.createPerson('b')
  await changeEmail(service, 'ada@example.org')
  const second = await stream.next()
  assert.equal(second?.id, '3')
  assert.equal((JSON.parse(second?.data ?? '') as { readonly email: string }).email, 'ada@example.org')
})

test('what does not exist is null until it does', async () => {
  await using service = await serve()
  await using stream = await follow(service, '/queries/GetPersonById?id=a')
  assert.equal((await stream.next())?.data, 'null')
  await service.createPerson('a')
  assert.match((await stream.next())?.data ?? '', /Ada Lovelace/)
})

test('a client that comes back is not shown anything older than what it has seen', async () => {
  await using service = await serve()
  await service.createPerson('a')
  const { headers } = await changeEmail(service, 'ada@example.org')
  const position = headers.get('x-position') ?? ''
  await using stream = await follow(service, '/queries/GetPersonById?id=a', { 'Last-Event-ID': position })
  assert.match((await stream.next())?.data ?? '', /ada@example\.org/)
})

test('what is wrong with a query is a problem, and no stream', async () => {
  await using service = await serve()
  for (const [path, headers, status, code] of [
    ['/queries/GetNothing', {}, 404, 'unknown-query'],
    ['/queries/GetPersonById', {}, 400, 'validation'],
    ['/queries/GetPersonById?id=a&after=9', {}, 400, 'validation'],
    ['/queries/GetPersonById?id=a&wait=x', {}, 400, 'validation'],
    ['/queries/GetPersonById?id=a', { 'Last-Event-ID': '9' }, 400, 'invalid-header'],
  ] as const) {
    const answer = await service.send(path, { headers: { accept: 'text/event-stream', ...headers } })
    assert.deepEqual([answer.status, answer.json.code], [status, code], path)
  }
  assert.equal(service.application.watchedQueries, 0)
})

test('an idle stream carries heartbeats', async () => {
  await using service = await serve({ heartbeatMs: 5 })
  await using stream = await follow(service, '/queries/GetPersonById?id=a')
  await stream.next()
  assert.deepEqual(await stream.nextOfAny(), { comment: 'heartbeat' })
})

test('a client that leaves frees its stream, and nothing goes on watching', async () => {
  await using service = await serve()
  const stream = await follow(service, '/queries/GetPersonById?id=a')
  await stream.next()
  assert.equal(service.application.watchedQueries, 1)
  await stream[Symbol.asyncDispose]()
  await metricsShow(service, 'cim_event_streams 0')
  assert.equal(service.application.watchedQueries, 0)
  assert.deepEqual(service.faults, [])
})

test('streams end when the service stops', async () => {
  await using service = await serve()
  await using stream = await follow(service, '/queries/GetPersonById?id=a')
  await stream.next()
  const next = stream.next()
  await service.server.stop()
  assert.equal(await next, undefined)
  assert.equal(service.application.watchedQueries, 0)
})

test('more streams than allowed give 503, and HEAD opens none', async () => {
  await using service = await serve({ maxStreams: 1 })
  const accept = 'text/event-stream'
  assert.equal((await service.send('/queries/GetPersonById?id=a', { method: 'HEAD', headers: { accept } })).status, 200)
  await using _stream = await follow(service, '/events')
  const { status, json } = await service.send('/queries/GetPersonById?id=a', { headers: { accept } })
  assert.deepEqual([status, json.code], [503, 'too-many-streams'])
  assert.equal(service.application.watchedQueries, 0)
})

test('a hundred clients see the last state of a stream of commands', async () => {
  await using service = await serve()
  await service.createPerson('a')
  const until = async (): Promise<number> => {
    await using stream = await follow(service, '/queries/GetPersonById?id=a')
    let results = 0
    for (let message = await stream.next(); message !== undefined; message = await stream.next()) {
      results++
      if (message.data?.includes('last@example.org') === true) return results
    }
    return assert.fail('the stream has ended')
  }
  const watching = Promise.all(Array.from({ length: 100 }, until))
  for (let index = 0; index < 50; index++) await changeEmail(service, `n${index}@example.org`)
  await changeEmail(service, 'last@example.org')
  for (const results of await watching) assert.ok(results <= 53)
})
