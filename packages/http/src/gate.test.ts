import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createHttpApi, type HttpApiOptions } from './index.ts'
import { serve, startApplication } from './test-support/fixture.ts'

const token = 'correct-horse-battery-staple'

async function apiWith(options: Partial<HttpApiOptions>) {
  const { application } = await startApplication()
  return createHttpApi({ application, ...options })
}

describe('a bearer token', () => {
  test('is asked for everywhere but for health and readiness', async () => {
    await using service = await serve({ token })
    for (const path of [
      '/',
      '/events',
      '/openapi.json',
      '/metrics',
      '/queries/GetPersonById?id=1',
      '/aggregates/Person/1',
    ]) {
      const { status, headers, json } = await service.send(path)
      assert.equal(status, 401, path)
      assert.equal(json.code, 'unauthenticated')
      assert.equal(headers.get('www-authenticate'), 'Bearer realm="cim"')
    }
    assert.equal((await service.command('CreatePerson', { data: { legalName: 'A' } })).status, 401)
    assert.equal((await service.send('/healthz')).status, 200)
    assert.equal((await service.send('/readyz')).status, 200)
  })

  test('lets in who has it', async () => {
    await using service = await serve({ token })
    const headers = { authorization: `Bearer ${token}` }
    assert.equal((await service.send('/events', { headers })).status, 200)
    assert.equal((await service.send('/events', { headers: { authorization: `bearer  ${token}` } })).status, 200)
    assert.equal((await service.command('CreatePerson', { data: { legalName: 'A' } }, headers)).status, 200)
  })

  test('keeps out who has another', async () => {
    const api = await apiWith({ token })
    for (const authorization of [
      '',
      'Bearer',
      'Bearer x',
      `Bearer ${token}x`,
      `Bearer ${token} x`,
      `Basic ${token}`,
      token,
    ]) {
      assert.equal((await api.request('/events', { headers: { authorization } })).status, 401, authorization)
    }
  })

  test('must be long enough to be one', async () => {
    const { application } = await startApplication()
    for (const weak of ['', 'short', 'with spaces in between it', 'with-a-letter-like-\u00fc']) {
      assert.throws(() => createHttpApi({ application, token: weak }), { code: 'invalid-option' })
    }
  })
})

describe('authenticate', () => {
  test('is asked once per request and may refuse it', async () => {
    let asked = 0
    const api = await apiWith({
      authenticate: async (request) => {
        asked++
        return request.headers.has('cookie') ? { userId: 'kim' } : undefined
      },
    })
    assert.equal((await api.request('/events')).status, 401)
    assert.equal((await api.request('/events', { headers: { cookie: 'a=b' } })).status, 200)
    assert.equal((await api.request('/healthz')).status, 200)
    assert.equal(asked, 2)
  })

  test('is only asked about requests that have the token, when there is one', async () => {
    const api = await apiWith({ token, authenticate: () => assert.fail('asked') })
    assert.equal((await api.request('/events')).status, 401)
  })

  test('that fails or makes no sense gives 500', async () => {
    for (const authenticate of [
      () => {
        throw new Error('the directory is down')
      },
      () => ({ userId: '' }),
      () => ({ sessionId: 'a\u0000b' }),
    ]) {
      const faults: unknown[] = []
      const api = await apiWith({ authenticate, onError: (error) => faults.push(error) })
      assert.equal((await api.request('/events')).status, 500)
      assert.equal(faults.length, 1)
    }
  })
})

describe('web pages of others', () => {
  test('cannot reach the service through a name of their own (DNS rebinding)', async () => {
    const api = await apiWith({})
    for (const host of [
      'evil.example',
      'evil.example:7117',
      '127.0.0.1.evil.example',
      'localhost.evil.example',
      '10.0.0.1',
      '',
    ]) {
      const { status } = await api.request('/events', { headers: { host } })
      assert.equal(status, 403, host)
    }
    for (const host of ['localhost', 'LOCALHOST:7117', '127.0.0.1:80', '127.8.8.8', '[::1]:7117']) {
      assert.equal((await api.request('/events', { headers: { host } })).status, 200, host)
    }
  })

  test('may be served under the names that are allowed', async () => {
    const api = await apiWith({ allowedHosts: ['Api.example', 'other.example:8080'] })
    for (const [host, expected] of [
      ['api.example', 200],
      ['api.example:9000', 200],
      ['other.example:8080', 200],
      ['other.example', 403],
      ['localhost', 200],
    ] as const) {
      assert.equal((await api.request('/events', { headers: { host } })).status, expected, host)
    }
    const withToken = await apiWith({ token })
    const headers = { host: 'anything.example', authorization: `Bearer ${token}` }
    assert.equal((await withToken.request('/events', { headers })).status, 200)
  })

  test('cannot send commands', async () => {
    await using service = await serve()
    const body = { data: { legalName: 'Eve' } }
    for (const origin of [
      'https://evil.example',
      'http://localhost:3000',
      'http://127.0.0.1.evil.example',
      'null',
      'x',
    ]) {
      const { status, json } = await service.command('CreatePerson', body, { origin })
      assert.equal(status, 403, origin)
      assert.equal(json.code, 'cross-origin')
    }
    // What a form can send without asking first.
    assert.equal((await service.command('CreatePerson', body, { 'content-type': 'text/plain' })).status, 415)
    assert.equal(await service.eventStore.headPosition(), 0)
    assert.equal((await service.command('CreatePerson', body, { origin: service.server.url })).status, 200)
  })

  test('are never told that they may read', async () => {
    await using service = await serve()
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' }
    for (const answer of [
      await service.send('/events', { headers }),
      await service.send('/commands/CreatePerson', { method: 'OPTIONS', headers }),
    ]) {
      const names = [...answer.headers.keys()]
      assert.deepEqual(
        names.filter((name) => name.startsWith('access-control')),
        [],
      )
    }
  })
})
