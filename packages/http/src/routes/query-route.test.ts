import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { defineQuery, type QueryDefinition } from '@cim/core'
import { z } from 'zod'
import { createHttpApi } from '../index.ts'
import { type Service, serve, startApplication } from '../test-support/fixture.ts'

describe('GET /queries/{queryType}', () => {
  let service: Service
  before(async () => {
    service = await serve()
  })
  after(() => service[Symbol.asyncDispose]())

  test('a query reads a write that it asks for by position', async () => {
    const created = await service.command('CreatePerson', { aggregateId: 'ada', data: { legalName: 'Ada' } })
    const position = created.headers.get('x-position')
    const { status, headers, json } = await service.send(`/queries/GetPersonById?id=ada&after=${position}&wait=5000`)
    assert.equal(status, 200)
    assert.equal(headers.get('content-type'), 'application/json')
    assert.equal(headers.get('cache-control'), 'no-store')
    assert.deepEqual(json, { id: 'ada', legalName: 'Ada' })
  })

  test('what does not exist gives 404; nothing found in a list gives 200', async () => {
    const missing = await service.send('/queries/GetPersonById?id=nobody')
    assert.equal(missing.status, 404)
    assert.equal(missing.json.code, 'not-found')
    const none = await service.send('/queries/FindPersonsByEmail?email=nobody@example.org')
    assert.equal(none.status, 200)
    assert.deepEqual(none.json, [])
  })

  test('an unknown query gives 404 and what is known', async () => {
    for (const name of ['Nope', '__proto__', 'toString']) {
      const { status, json } = await service.send(`/queries/${name}`)
      assert.equal(status, 404)
      assert.equal(json.code, 'unknown-query')
      assert.match(json.detail, /GetPersonById/)
    }
  })

  test('parameters that do not fit give 400 with pointers to them', async () => {
    for (const [query, pointer] of [
      ['FindPersonsByEmail?email=x', '/email'],
      ['FindPersonsByEmail?email=a@example.org&limit=many', '/limit'],
      ['FindPersonsByEmail?email=a@example.org&email=b@example.org', '/email'],
      ['GetPersonById?id=1&after=-1', '/after'],
      ['GetPersonById?id=1&after=1&after=2', '/after'],
      ['GetPersonById?id=1&after=99999999999999999', '/after'],
      ['GetPersonById?id=1&wait=30001', '/wait'],
      ['GetPersonById?id=1&wait=1e3', '/wait'],
    ] as const) {
      const { status, json } = await service.send(`/queries/${query}`)
      assert.equal(status, 400, query)
      assert.equal(json.code, 'validation')
      assert.equal(json.errors[0]?.pointer, pointer)
    }
  })

  test('a repeated key is an array, and no key is special', async () => {
    const { json } = await service.send('/queries/EchoParameters?tag=a&tag=b&__proto__=x&sp+ace=%C3%BC+%2B&after=0')
    assert.deepEqual(json.isOwn, ['tag', '__proto__', 'sp ace'])
    assert.deepEqual(json.parameters.tag, ['a', 'b'])
    assert.equal(json.parameters['sp ace'], 'ü +')
  })

  test('a percent-encoding that is not UTF-8 gives 400', async () => {
    for (const query of ['id=%FF', 'id=%C3%28', 'id=%ZZ', 'id=100%']) {
      const { status, json } = await service.send(`/queries/GetPersonById?${query}`)
      assert.equal(status, 400)
      assert.equal(json.code, 'bad-request')
    }
  })

  test('a position that does not come in time gives 503 and when to ask again', async () => {
    const { status, headers, json } = await service.send('/queries/GetPersonById?id=ada&after=1000000&wait=1')
    assert.equal(status, 503)
    assert.equal(json.code, 'consistency-timeout')
    assert.equal(json.wantedPosition, 1_000_000)
    assert.equal(headers.get('retry-after'), '1')
    assert.deepEqual(service.faults, [])
  })
})

test('a query may not call its own parameter after, wait or asOf', async () => {
  for (const name of ['after', 'wait', 'asOf']) {
    const query = defineQuery('FindLate', {
      parameters: z.object({ [name]: z.string() }),
      result: z.array(z.string()),
      handle: async () => [],
    })
    const { application } = await startApplication({ queries: [query as QueryDefinition] })
    const message = new RegExp(`FindLate .*'${name}'`)
    assert.throws(() => createHttpApi({ application }), { code: 'invalid-definition', message })
    await application.stop()
  }
})

test('a client that leaves ends the wait for a position', async () => {
  const { application } = await startApplication()
  const api = createHttpApi({ application })
  const client = new AbortController()
  const answer = api.request('/queries/GetPersonById?id=ada&after=10&wait=30000', { signal: client.signal })
  client.abort()
  assert.equal((await answer).status, 499)
  await application.stop()
})
