import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Answer } from '../test-support/answer.ts'
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
    assert.equal(first.json.events[0]?.aggregateId, 'ada')
    assert.equal(first.json.isEnd, false)
    const next = /^<(.*)>; rel="next"$/.exec(first.headers.get('link') ?? '')?.[1]
    const second = await service.send(next ?? '')
    assert.deepEqual(
      second.json.events.map(({ aggregateId }) => aggregateId),
      ['grace'],
    )
  })

  test('conditions hold together', async () => {
    const found = async (query: string): Promise<readonly number[]> => {
      const { json } = await service.send(`/events?${query}`)
      return json.events.map(({ position }) => position)
    }
    assert.deepEqual(await found('subject=events.Person.EmailChanged'), [2])
    assert.deepEqual(await found('subject=events.Person.EmailChanged&subject=events.Person.PersonCreated'), [1, 2, 3])
    assert.deepEqual(await found('correlationId=visit-1'), [2])
    assert.deepEqual(await found('aggregateType=Person&after=2'), [3])
    assert.deepEqual(await found('aggregateType=Robot'), [])
    assert.deepEqual(await found('from=2000-01-01&before=2999-01-01'), [1, 2, 3])
    assert.deepEqual(await found('before=2000-01-01'), [])
  })

  test('a page ends with the event that takes it past 4 MiB, and the next one goes on there', async () => {
    await using large = await serve()
    const aggregate = { aggregateType: 'Person', aggregateId: 'ada' }
    const notes = (count: number, note: string) =>
      Array.from({ length: count }, () => ({ eventType: 'NoteTaken', eventData: { note } }))
    for (let run = 0; run < 3; run++) {
      await large.eventStore.appendDirectly(aggregate, notes(10, 'x'.repeat(1_000_000)))
    }
    await large.eventStore.appendDirectly(aggregate, notes(170, 'small'))
    const { sizes, positions } = await everyPage(large, '/events?limit=1000')
    assert.deepEqual(sizes, [5, 5, 5, 5, 5, 5, 170])
    assert.deepEqual(
      positions,
      Array.from({ length: 200 }, (_, index) => index + 1),
    )
  })

  test('after the newest event is an empty page, and the end', async () => {
    const { status, json } = await service.send('/events?after=99')
    assert.equal(status, 200)
    assert.deepEqual([json.events, json.isEnd], [[], true])
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
      assert.equal(json.errors[0]?.pointer, pointer)
    }
  })
})

/** Follows the links. */
async function everyPage(
  service: Service,
  start: string,
): Promise<{ readonly sizes: readonly number[]; readonly positions: readonly number[] }> {
  const sizes: number[] = []
  const positions: number[] = []
  for (let path: string | undefined = start; path !== undefined; ) {
    const { headers, json } = (await service.send(path)) as Answer
    sizes.push(json.events.length)
    positions.push(...json.events.map(({ position }) => position))
    path = /^<(.*)>/.exec(headers.get('link') ?? '')?.[1]
  }
  return { sizes, positions }
}
