import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createHttpApi } from '../index.ts'
import { type Service, serve, startApplication } from '../test-support/fixture.ts'

describe('GET /queries/{queryType}?asOf=', () => {
  let service: Service
  before(async () => {
    service = await serve()
    await service.command('CreatePerson', { aggregateId: 'ada', data: { legalName: 'Ada' } })
    await service.command('ChangeEmail', { aggregateId: 'ada', data: { newEmail: 'first@example.org' } })
    await service.command('ChangeEmail', { aggregateId: 'ada', data: { newEmail: 'second@example.org' } })
  })
  after(() => service[Symbol.asyncDispose]())

  test('answers as of any position', async () => {
    for (const [position, email] of [
      [1, undefined],
      [2, 'first@example.org'],
      [3, 'second@example.org'],
    ] as const) {
      const { status, headers, json } = await service.send(`/queries/GetPersonById?id=ada&asOf=${position}`)
      assert.equal(status, 200)
      assert.equal(headers.get('cache-control'), 'no-store')
      assert.deepEqual(json, { id: 'ada', legalName: 'Ada', ...(email === undefined ? undefined : { email }) })
    }
    const missing = await service.send('/queries/GetPersonById?id=ada&asOf=0')
    assert.deepEqual([missing.status, missing.json.code], [404, 'not-found'])
    const first = await service.send('/queries/FindPersonsByEmail?email=first@example.org&asOf=2')
    assert.deepEqual(first.json, [{ id: 'ada', legalName: 'Ada', email: 'first@example.org' }])
    const gone = await service.send('/queries/FindPersonsByEmail?email=first@example.org&asOf=3')
    assert.deepEqual(gone.json, [])
  })

  test('answers as of any time', async () => {
    const { json } = await service.send('/aggregates/Person/ada')
    const now = await service.send(`/queries/GetPersonById?id=ada&asOf=${json.timestamp}`)
    assert.deepEqual(now.json, { id: 'ada', legalName: 'Ada', email: 'second@example.org' })
    const early = await service.send('/queries/GetPersonById?id=ada&asOf=2020-01-01')
    assert.equal(early.status, 404)
  })

  test('refuses what is no moment, and what is not past yet', async () => {
    for (const [moment, message] of [
      ['yesterday', /must be a position, or ISO-8601 with a time zone/],
      ['-1', /must be a position, or ISO-8601/],
      ['1.5', /must be a position, or ISO-8601/],
      ['', /must be a position, or ISO-8601/],
      ['2026-01-01T00:00:00', /must be a position, or ISO-8601/],
      ['9999999999999999', /must be a whole number/],
      ['4', /must not be beyond the newest event, which has position 3/],
      ['9999-12-31', /must not be in the future/],
      ['1&asOf=2', /must be given once/],
      ['1&after=1', /must not be given together with after/],
      ['1&wait=1', /must not be given together with wait/],
    ] as const) {
      const { status, json } = await service.send(`/queries/GetPersonById?id=ada&asOf=${moment}`)
      assert.deepEqual([status, json.code], [400, 'validation'], moment)
      assert.equal(json.errors[0]?.pointer, '/asOf')
      assert.match(json.errors[0]?.message, message)
    }
    const headers = { accept: 'text/event-stream' }
    const live = await service.send('/queries/GetPersonById?id=ada&asOf=1', { headers })
    assert.deepEqual([live.status, live.json.errors[0]?.pointer], [400, '/asOf'])
    assert.deepEqual(service.faults, [])
  })
})

test('an event that a view of the past cannot process gives 500, the view, the position, and an id in the log', async () => {
  await using service = await serve()
  await service.command('CreatePerson', { aggregateId: 'ada', data: { legalName: 'Ada' } })
  const newer = { eventType: 'PersonCreated', eventData: null, schemaVersion: 9 }
  const { eventStore } = service.application
  await eventStore.appendEvents({ aggregateType: 'Person', aggregateId: 'eve' }, [newer], { expectedVersion: 0 })
  const { status, json } = await service.send('/queries/GetPersonById?id=ada&asOf=2')
  const { code, position, errorId } = json
  assert.deepEqual([status, code, position, typeof errorId], [500, 'historical-view', 2, 'string'])
  assert.doesNotMatch(JSON.stringify(json), /"eve"|schema/)
  assert.equal((await service.send('/queries/GetPersonById?id=ada&asOf=1')).status, 200)
  assert.equal(service.faults.length, 1)
})

test('a client that leaves ends the replay that it alone waits for', async () => {
  const { application } = await startApplication()
  const api = createHttpApi({ application })
  const client = new AbortController()
  const answer = api.request('/queries/GetPersonById?id=ada&asOf=0', { signal: client.signal })
  client.abort()
  assert.equal((await answer).status, 499)
  await application.stop()
})
