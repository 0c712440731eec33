import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Service, serve } from '../test-support/fixture.ts'

describe('GET /events as JSON', () => {
  let service: Service
  before(async () => {
    service = await serve()
    await service.createPerson('ada')
    await service.command(
      'ChangeEmail',
      { aggregateId: 'ada', data: { newEmail: 'ada@example.org' } },
      { 'X-Correlation-ID': 'visit-1' },
    )
    await service.createPerson('grace')
  })
  after(() => service[Symbol.asyncDispose]())

  test('a page holds envelopes in the order of their positions', async () => {
    const { status, headers, json } = await service.send('/events')
    assert.equal(status, 200)
    assert.equal(headers.get('x-position'), '3')
    assert.equal(json.isEnd, true)
    assert.equal(json.position, 3)
    assert.deepEqual(json.events, (await service.eventStore.readEvents()).events)
  })

  test('pages follow each other and keep their conditions', async () => {
    const first = await service.send('/events?limit=1&subject=events.*.PersonCreated')
    assert.equal(first.json.events[0].aggregateId, 'ada')
    assert.equal(first.json.isEnd, false)
    const next = /^<(.*)>; rel="next"$/.exec(first.headers.get('link') ?? '')?.[1]
    const second = await service.send(next ?? '')
    assert.deepEqual(
      second.json.events.map(({ aggregateId }: { aggregateId: string }) => aggregateId),
      ['grace'],
    )
  })

  test('conditions hold together', async () => {
    const found = async (query: string): Promise<readonly number[]> => {
      const { json } = await service.send(`/events?${query}`)
      return json.events.map(({ position }: { position: number }) => position)
    }
    assert.deepEqual(await found('subject=events.Person.EmailChanged'), [2])
    assert.deepEqual(await found('subject=events.Person.EmailChanged&subject=events.Person.PersonCreated'), [1, 2, 3])
    assert.deepEqual(await found('correlationId=visit-1'), [2])
    assert.deepEqual(await found('aggregateType=Person&after=2'), [3])
    assert.deepEqual(await found('aggregateType=Robot'), [])
    assert.deepEqual(await found('from=2000-01-01&before=2999-01-01'), [1, 2, 3])
    assert.deepEqual(await found('before=2000-01-01'), [])
  })

  test('large events make shorter pages, of which none is lost', async () => {
    await using large = await serve()
    for (let index = 0; index < 30; index++) {
      await large.application.dispatch({ commandType: 'TakeNote', data: { note: 'x'.repeat(1_000_000) } })
    }
    for (let index = 0; index < 170; index++) {
      await large.application.dispatch({ commandType: 'TakeNote', data: { note: 'small' } })
    }
    const sizes: number[] = []
    let path: string | undefined = '/events?limit=1000'
    while (path !== undefined) {
      const { headers, json }: { headers: Headers; json: { events: unknown[] } } = await large.send(path)
      sizes.push(json.events.length)
      path = /^<(.*)>/.exec(headers.get('link') ?? '')?.[1]
    }
    assert.deepEqual(sizes, [100, 100])
  })

  test('conditions that make no sense give 400 pointing at them', async () => {
    for (const [query, pointer] of [
      ['subject=events..x', '/subject'],
      ['subject=', '/subject'],
      ['after=-1', '/after'],
      ['limit=1001', '/limit'],
      ['from=now', '/from'],
      ['before=2026', '/before'],
      ['aggregateType=a&aggregateType=b', '/aggregateType'],
      ['correlation=x', '/correlation'],
    ] as const) {
      const { status, json } = await service.send(`/events?${query}`)
      assert.equal(status, 400, query)
      assert.equal(json.errors[0].pointer, pointer)
    }
  })
})
