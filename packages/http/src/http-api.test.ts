import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHttpApi, problemKinds } from './index.ts'
import { serve, startApplication } from './test-support/fixture.ts'

test('a path that is not there gives 404', async () => {
  await using service = await serve()
  for (const path of [
    '/nope',
    '/commands',
    '/commands/',
    '/commands/CreatePerson/x',
    '/events/',
    '//events',
    '/Events',
  ]) {
    const { status, headers, json } = await service.send(path)
    assert.equal(status, 404, path)
    assert.equal(headers.get('content-type'), 'application/problem+json')
    assert.equal(json.code, 'unknown-path')
  }
})

test('a method that a path does not take gives 405 with those it takes', async () => {
  await using service = await serve()
  for (const [method, path, allow] of [
    ['DELETE', '/commands/CreatePerson', 'GET, HEAD, POST'],
    ['OPTIONS', '/commands/CreatePerson', 'GET, HEAD, POST'],
    ['POST', '/queries/GetPersonById', 'GET, HEAD'],
    ['PUT', '/aggregates/Person/ada', 'GET, HEAD'],
    ['PATCH', '/events', 'GET, HEAD'],
    ['PROPFIND', '/healthz', 'GET, HEAD'],
  ] as const) {
    const { status, headers, json } = await service.send(path, { method })
    assert.equal(status, 405, `${method} ${path}`)
    assert.equal(headers.get('allow'), allow)
    assert.equal(json.code, 'method-not-allowed')
  }
})

test('HEAD gives the headers of GET and no body', async () => {
  await using service = await serve()
  await service.createPerson('ada')
  const { status, headers, text } = await service.send('/aggregates/Person/ada', { method: 'HEAD' })
  assert.equal(status, 200)
  assert.equal(headers.get('etag'), '"1"')
  assert.equal(text, '')
})

test('the type of a problem leads to its description', async () => {
  const { application } = await startApplication()
  const api = createHttpApi({ application, token: 'a-token-that-nobody-sends' })
  for (const [code, { status, title }] of problemKinds) {
    const response = await api.request(`/problems/${code}`)
    assert.equal(response.status, 200)
    assert.deepEqual(await response.json(), { code, status, title })
  }
  assert.equal((await api.request('/problems/nope')).status, 404)
})

test('while the service stops, only health is answered, and every connection is given up', async () => {
  const { application } = await startApplication()
  const stopping = new AbortController()
  const api = createHttpApi({ application, stopping: stopping.signal })
  stopping.abort()
  const refused = await api.request('/events')
  assert.equal(refused.status, 503)
  assert.equal(refused.headers.get('connection'), 'close')
  assert.equal(refused.headers.get('retry-after'), '5')
  assert.equal(((await refused.json()) as { code: string }).code, 'stopping')
  assert.equal((await api.request('/healthz')).status, 200)
  assert.equal((await api.request('/readyz')).status, 503)
})

test('an option that is unknown or out of range is refused by name', async () => {
  const { application } = await startApplication()
  for (const [options, option] of [
    [{ tokens: 'x' }, 'tokens'],
    [{ maxBodyBytes: 0 }, 'maxBodyBytes'],
    [{ heartbeatMs: 1.5 }, 'heartbeatMs'],
    [{ maxStreams: -1 }, 'maxStreams'],
  ] as const) {
    assert.throws(() => createHttpApi({ application, ...options }), { code: 'invalid-option', option })
  }
})

test('an onError that fails does not keep the client from its answer', async () => {
  await using service = await serve({
    onError: () => {
      throw new Error('the log is full')
    },
  })
  assert.equal((await service.command('Fail', { data: {} })).status, 500)
})
