import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Service, serve } from '../test-support/fixture.ts'

describe('GET /aggregates/{aggregateType}/{aggregateId}', () => {
  let service: Service
  let creation: { readonly position: number; readonly timestamp: string }
  before(async () => {
    service = await serve()
    creation = (await service.command('CreatePerson', { aggregateId: 'ada', data: { legalName: 'Ada' } })).json
    await service.createPerson('other')
    await service.command('ChangeEmail', { aggregateId: 'ada', data: { newEmail: 'ada@example.org' } })
  })
  after(() => service[Symbol.asyncDispose]())

  test('the present state comes with its version as ETag', async () => {
    const { status, headers, json } = await service.send('/aggregates/Person/ada')
    assert.equal(status, 200)
    assert.equal(headers.get('etag'), '"2"')
    assert.equal(json.aggregateType, 'Person')
    assert.equal(json.aggregateId, 'ada')
    assert.equal(json.version, 2)
    assert.equal(json.position, 3)
    assert.deepEqual(json.state, { exists: true, legalName: 'Ada', email: 'ada@example.org' })
  })

  test('a past state is found by version, by position and by time', async () => {
    const past = { exists: true, legalName: 'Ada' }
    for (const moment of ['version=1', `position=${creation.position}`, 'position=2']) {
      const { status, json } = await service.send(`/aggregates/Person/ada?${moment}`)
      assert.equal(status, 200, moment)
      assert.equal(json.version, 1)
      assert.deepEqual(json.state, past)
      assert.equal(json.timestamp, creation.timestamp)
    }
    assert.equal((await service.send('/aggregates/Person/ada?at=2999-01-01T00:00:00Z')).json.version, 2)
  })

  test('an aggregate that does not exist, or did not at that moment, gives 404', async () => {
    for (const path of [
      'nobody',
      'nobody/events',
      'ada?version=0',
      'ada?version=3',
      'ada?position=0',
      'other?position=1',
      'ada?at=2000-01-01',
    ]) {
      const { status, json } = await service.send(`/aggregates/Person/${path}`)
      assert.equal(status, 404, path)
      assert.equal(json.code, 'not-found')
    }
    assert.match((await service.send('/aggregates/Person/ada?version=3')).json.detail, /newest is 2/)
  })

  test('an unknown aggregate type gives 404', async () => {
    for (const path of ['Robot/ada', '__proto__/ada', 'Robot/ada/events']) {
      const { status, json } = await service.send(`/aggregates/${path}`)
      assert.equal(status, 404)
      assert.equal(json.code, 'unknown-aggregate-type')
    }
  })

  test('a moment that is not one gives 400 pointing at it', async () => {
    for (const [query, pointer] of [
      ['version=-1', '/version'],
      ['version=one', '/version'],
      ['position=1.5', '/position'],
      ['at=yesterday', '/at'],
      ['at=2026-01-01T00:00:00', '/at'],
      ['version=1&position=1', ''],
      ['timestamp=2026-01-01', '/timestamp'],
    ] as const) {
      const { status, json } = await service.send(`/aggregates/Person/ada?${query}`)
      assert.equal(status, 400, query)
      assert.equal(json.errors[0]?.pointer, pointer)
    }
  })

  test('the history shows the difference that each event made', async () => {
    const { status, headers, json } = await service.send('/aggregates/Person/ada/events')
    assert.equal(status, 200)
    assert.equal(headers.get('link'), null)
    assert.equal(json.isEnd, true)
    assert.deepEqual(
      json.events.map(({ eventType, sequence }) => [eventType, sequence]),
      [
        ['PersonCreated', 1],
        ['EmailChanged', 2],
      ],
    )
    assert.deepEqual(json.events[1]?.data, { newEmail: 'ada@example.org' })
    assert.deepEqual(json.events[1]?.differences, [{ pointer: '/email', kind: 'added', after: 'ada@example.org' }])
  })

  test('the history comes in pages that name the next one', async () => {
    const first = await service.send('/aggregates/Person/ada/events?limit=1')
    assert.equal(first.json.events.length, 1)
    assert.equal(first.json.isEnd, false)
    assert.equal(first.headers.get('link'), `<${first.json.next}>; rel="next"`)
    const second = await service.send(first.json.next)
    assert.equal(second.json.events[0]?.sequence, 2)
    assert.equal(second.json.isEnd, true)
    assert.equal(second.json.next, undefined)
    assert.deepEqual((await service.send('/aggregates/Person/ada/events?from=9')).json.events, [])
  })

  test('a history of large events comes in pages of about 4 MiB, of which none is lost', async () => {
    await using large = await serve()
    const aggregate = { aggregateType: 'Person', aggregateId: 'large' }
    const emails = Array.from({ length: 22 }, (_, index) => ({
      eventType: 'EmailChanged',
      eventData: { newEmail: String(index).repeat(700_000).slice(0, 700_000) },
    }))
    await large.eventStore.appendDirectly(aggregate, emails)
    const sequences: number[] = []
    let path = '/aggregates/Person/large/events?limit=1000'
    for (let isEnd = false; !isEnd; ) {
      const { headers, json, text } = await large.send(path)
      // Each event, and what was there before and after it, is 2.1 MB.
      assert.ok(json.events.length >= 1 && text.length < 7_000_000, `${json.events.length} events, ${text.length}`)
      sequences.push(...json.events.map(({ sequence }) => sequence))
      assert.equal(headers.get('link'), json.isEnd ? null : `<${json.next}>; rel="next"`)
      path = json.next
      isEnd = json.isEnd
    }
    assert.deepEqual(
      sequences,
      emails.map((_, index) => index + 1),
    )
  })

  test('a history is read on where the store hands out fewer events than asked for', async () => {
    await using service = await serve()
    const notes = Array.from({ length: 25 }, (_, note) => ({ eventType: 'NoteTaken', eventData: { note } }))
    await service.eventStore.appendDirectly({ aggregateType: 'Person', aggregateId: 'noted' }, notes)
    service.eventStore.mostEventsPerLoad = 3
    const { json } = await service.send('/aggregates/Person/noted/events')
    assert.deepEqual([json.events.length, json.isEnd], [25, true])
    const part = await service.send('/aggregates/Person/noted/events?from=2&limit=7')
    assert.deepEqual([part.json.events.length, part.json.isEnd], [7, false])
    assert.equal(part.json.next, '/aggregates/Person/noted/events?from=9&limit=7')
  })

  test('a page that is not one gives 400', async () => {
    for (const query of ['from=0', 'limit=0', 'limit=1001', 'page=2']) {
      assert.equal((await service.send(`/aggregates/Person/ada/events?${query}`)).status, 400)
    }
  })
})
