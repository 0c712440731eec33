import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { DeadLetterSequence, DiscardedDeadLetter, DomainEventEnvelope } from '@cim/core'
import type { Answer } from '../../test-support/answer.ts'
import { memberOf, parked, post, processor, serveWithDeadLetters } from './admin-fixture.test.ts'

const of = `/admin/dead-letters/${processor}`
const ada = `${of}/Person/ada`
const reason = 'Broken by the import of 2019.'

const sequencesIn = (answer: Answer) => memberOf<readonly DeadLetterSequence[]>(answer, 'sequences')
const idsIn = (answer: Answer) => sequencesIn(answer).map(({ aggregateId }) => aggregateId)

describe('GET /admin/dead-letters', () => {
  test('lists sequences in the order in which they failed, without their stacks', async () => {
    await using service = await serveWithDeadLetters()
    const answer = await service.send('/admin/dead-letters')
    assert.deepEqual([answer.status, idsIn(answer), memberOf(answer, 'next')], [200, ['ada', 'grace'], undefined])
    const [first] = sequencesIn(answer)
    assert.deepEqual(
      [first?.processorName, first?.state, first?.fromSequence, first?.toSequence, first?.eventCount],
      [processor, 'parked', 2, 3, 2],
    )
    assert.deepEqual([first?.failure.name, first?.failure.stack], ['TypeError', undefined])
  })

  test('goes by every filter', async () => {
    await using service = await serveWithDeadLetters()
    for (const [filter, expected] of [
      ['processor=PersonView@1', ['ada', 'grace']],
      ['processor=PersonView%401&aggregateId=grace', ['grace']],
      ['aggregateType=Person', ['ada', 'grace']],
      ['aggregateType=Organization', []],
      ['state=parked', ['ada', 'grace']],
      ['state=retrying', []],
      ['eventType=EmailChanged&failureName=TypeError', ['ada', 'grace']],
      ['eventType=PersonCreated', []],
      ['failureName=RangeError', []],
    ] as const) {
      assert.deepEqual(idsIn(await service.send(`/admin/dead-letters?${filter}`)), expected, filter)
    }
  })

  test('comes in pages that name the next one', async () => {
    await using service = await serveWithDeadLetters()
    const first = await service.send('/admin/dead-letters?limit=1&state=parked')
    assert.deepEqual(idsIn(first), ['ada'])
    const link = /^<(.*)>; rel="next"$/.exec(first.headers.get('link') ?? '')?.[1]
    const second = await service.send(link ?? '')
    assert.deepEqual([idsIn(second), second.headers.get('link')], [['grace'], null])
    const after = encodeURIComponent(memberOf(first, 'next'))
    assert.deepEqual(idsIn(await service.send(`/admin/dead-letters?processor=${processor}&after=${after}`)), ['grace'])
  })

  test('shows one sequence with its stack and its events', async () => {
    await using service = await serveWithDeadLetters()
    const answer = await service.send(`${ada}?limit=1`)
    assert.equal(answer.status, 200)
    assert.match(memberOf<DeadLetterSequence>(answer, 'sequence').failure.stack ?? '', /TypeError/)
    const events = (of: Answer) =>
      memberOf<readonly DomainEventEnvelope[]>(of, 'events').map(({ sequence }) => sequence)
    assert.deepEqual([events(answer), memberOf(answer, 'next')], [[2], 3])
    const rest = await service.send(`${ada}?from=3`)
    assert.deepEqual([events(rest), memberOf(rest, 'next')], [[3], undefined])
    assert.equal((await service.send('/admin/dead-letters/PersonView%401/Person/%61da')).status, 200)
  })

  test('shows large events in smaller pages', async () => {
    await using service = await serveWithDeadLetters()
    const note = { eventType: 'EmailChanged', eventData: { newEmail: 'x'.repeat(900_000) } }
    const aggregate = { aggregateType: 'Person', aggregateId: 'ada' }
    for (let more = 0; more < 8; more++) await service.eventStore.appendDirectly(aggregate, [note])
    await service.application.processing.drain(processor)
    const seen: number[] = []
    let pages = 0
    for (let next: number | undefined = 1; next !== undefined; pages++) {
      const answer = await service.send(`${ada}?from=${next}`)
      assert.ok(answer.text.length < 6_000_000)
      seen.push(...memberOf<readonly DomainEventEnvelope[]>(answer, 'events').map(({ sequence }) => sequence))
      next = memberOf(answer, 'next')
    }
    assert.deepEqual([seen, pages], [[2, 3, 4, 5, 6, 7, 8, 9, 10, 11], 2])
  })

  test('wrong input is refused', async () => {
    await using service = await serveWithDeadLetters()
    for (const [path, status, code, pointer] of [
      ['/admin/dead-letters?processor=Nope', 404, 'unknown-processor'],
      ['/admin/dead-letters?state=dead', 400, 'validation', '/state'],
      ['/admin/dead-letters?state=parked&state=retrying', 400, 'validation', '/state'],
      ['/admin/dead-letters?limit=0', 400, 'validation', '/limit'],
      ['/admin/dead-letters?limit=1001', 400, 'validation', '/limit'],
      ['/admin/dead-letters?after=1', 400, 'validation', '/after'],
      ['/admin/dead-letters?after=Nope:1', 400, 'validation', '/after'],
      ['/admin/dead-letters?nick=a', 400, 'validation', '/nick'],
      ['/admin/dead-letters?eventType=%FF', 400, 'bad-request'],
      ['/admin/dead-letters/Nope/Person/ada', 404, 'unknown-processor'],
      [`${of}/Person/joan`, 404, 'not-found'],
      [`${of}/person/ada`, 404, 'not-found'],
      [`${ada}?from=0`, 400, 'validation', '/from'],
      [`${ada}?limit=x`, 400, 'validation', '/limit'],
      [`${ada}?after=1`, 400, 'validation', '/after'],
      ['/admin/dead-letters/Nope/discarded', 404, 'unknown-processor'],
      [`${of}/discarded?limit=0`, 400, 'validation', '/limit'],
      [`${of}/discarded?after=1`, 400, 'validation', '/after'],
      [of, 404, 'unknown-path'],
    ] as const) {
      const { status: actual, json } = await service.send(path)
      assert.deepEqual([actual, json.code, json.errors?.[0]?.pointer], [status, code, pointer], path)
    }
    assert.deepEqual(service.faults, [])
  })
})

describe('POST …/retry', () => {
  test('tries one sequence again, or all that a filter finds', async () => {
    await using service = await serveWithDeadLetters()
    const attempts = async () => sequencesIn(await service.send('/admin/dead-letters')).map((each) => each.attempts)
    const one = await post(service, `${ada}/retry`)
    assert.deepEqual([one.status, one.json], [200, { dryRun: false, sequenceCount: 1 }])
    while ((await attempts())[0] !== 2) await parked(service, 2)
    const filtered = await post(service, `${of}/retry`, { filter: { aggregateId: 'grace' } })
    assert.equal(memberOf(filtered, 'sequenceCount'), 1)
    while ((await attempts())[1] !== 2) await parked(service, 2)
    assert.equal(memberOf(await post(service, '/admin/dead-letters/PersonView%401/retry'), 'sequenceCount'), 2)
    const none = await post(service, `${of}/retry`, { filter: { failureName: 'RangeError' } })
    assert.deepEqual(none.json, { dryRun: false, sequenceCount: 0 })
  })

  test('changes nothing in a dry run', async () => {
    await using service = await serveWithDeadLetters()
    const before = await service.send('/admin/dead-letters')
    const all = await post(service, `${of}/retry`, { dryRun: true })
    assert.deepEqual(
      [memberOf(all, 'dryRun'), memberOf(all, 'sequenceCount'), memberOf(all, 'eventCount'), idsIn(all)],
      [true, 2, 3, ['ada', 'grace']],
    )
    const one = await post(service, `${ada}/retry`, { dryRun: true })
    assert.deepEqual([memberOf(one, 'sequenceCount'), memberOf(one, 'eventCount')], [1, 2])
    assert.deepEqual((await service.send('/admin/dead-letters')).json, before.json)
  })
})

describe('POST …/discard', () => {
  test('gives a sequence up and keeps a record of why, and of who did it', async () => {
    const authenticate = () => ({ userId: 'root' })
    await using service = await serveWithDeadLetters({ authenticate, isAdministrator: () => true })
    const { status, json } = await post(service, `${ada}/discard`, { reason })
    assert.deepEqual([status, json], [200, { dryRun: false, sequenceCount: 1 }])
    const { json: kept } = await service.send(`${of}/discarded`)
    const [record] = (kept as unknown as { readonly discarded: readonly DiscardedDeadLetter[] }).discarded
    assert.deepEqual([record?.aggregateId, record?.reason, record?.discardedBy], ['ada', reason, 'root'])
    assert.deepEqual([record?.fromSequence, record?.toSequence, record?.eventCount], [2, 3, 2])
    assert.equal((await post(service, `${ada}/discard`, { reason })).status, 404)
    assert.deepEqual(idsIn(await service.send('/admin/dead-letters')), ['grace'])
  })

  test('can give up the failed event alone, so that those behind it have their effect', async () => {
    await using service = await serveWithDeadLetters()
    await post(service, `${ada}/discard`, { reason, firstOnly: true })
    await parked(service, 1)
    const { json } = await service.send('/queries/GetPersonById?id=ada')
    assert.equal((json as unknown as { readonly email: string }).email, 'ada@example.org')
  })

  test('goes by a filter that must be said', async () => {
    await using service = await serveWithDeadLetters()
    const nothingSaid = await post(service, `${of}/discard`, { reason })
    assert.deepEqual([nothingSaid.status, nothingSaid.json.errors[0]?.pointer], [400, '/filter'])
    const dry = await post(service, `${of}/discard`, { reason, filter: {}, firstOnly: true, dryRun: true })
    assert.deepEqual([memberOf(dry, 'sequenceCount'), memberOf(dry, 'eventCount')], [2, 2])
    assert.deepEqual(idsIn(await service.send('/admin/dead-letters')), ['ada', 'grace'])
    assert.equal(memberOf(await post(service, `${of}/discard`, { reason, filter: {} }), 'sequenceCount'), 2)
    assert.deepEqual(idsIn(await service.send('/admin/dead-letters')), [])
    const { json } = await service.send(`${of}/discarded?limit=1`)
    const { discarded } = json as unknown as { readonly discarded: readonly DiscardedDeadLetter[] }
    assert.deepEqual([discarded.length, discarded[0]?.discardedBy], [1, undefined])
  })
})

test('a wrong request to retry or to discard is refused, and changes nothing', async () => {
  await using service = await serveWithDeadLetters()
  const discard = { reason, filter: {} }
  for (const [path, body, status, code, pointer] of [
    [`${ada}/retry`, { dryRun: 'yes' }, 400, 'validation', '/dryRun'],
    [`${ada}/retry`, { filter: {} }, 400, 'validation', '/filter'],
    [`${ada}/retry`, [], 400, 'validation', ''],
    [`${of}/Person/joan/retry`, {}, 404, 'not-found'],
    [`${of}/Person/joan/retry`, { dryRun: true }, 404, 'not-found'],
    ['/admin/dead-letters/Nope/Person/ada/retry', {}, 404, 'unknown-processor'],
    [`${of}/retry`, { filter: [] }, 400, 'validation', '/filter'],
    [`${of}/retry`, { filter: { nick: 'a' } }, 400, 'validation', '/filter/nick'],
    [`${of}/retry`, { filter: { aggregateId: 1 } }, 400, 'validation', '/filter/aggregateId'],
    [`${of}/retry`, { filter: { state: 'dead' } }, 400, 'validation', '/filter/state'],
    ['/admin/dead-letters/Nope/retry', {}, 404, 'unknown-processor'],
    [`${ada}/discard`, {}, 400, 'validation', '/reason'],
    [`${ada}/discard`, { reason: ' ' }, 400, 'validation', '/reason'],
    [`${ada}/discard`, { reason: 'x'.repeat(1001) }, 400, 'validation', '/reason'],
    [`${ada}/discard`, { reason: 1 }, 400, 'validation', '/reason'],
    [`${ada}/discard`, { reason, firstOnly: 1 }, 400, 'validation', '/firstOnly'],
    [`${ada}/discard`, { reason, discardedBy: 'someone' }, 400, 'validation', '/discardedBy'],
    [`${of}/Person/joan/discard`, { reason }, 404, 'not-found'],
    [`${of}/discard`, { ...discard, filter: { state: 1 } }, 400, 'validation', '/filter/state'],
    [`${of}/discard`, { filter: {} }, 400, 'validation', '/reason'],
    ['/admin/dead-letters/Nope/discard', discard, 404, 'unknown-processor'],
    ['/admin/dead-letters/Nope/Person/ada/discard', { reason }, 404, 'unknown-processor'],
  ] as const) {
    const { status: actual, json } = await post(service, path, body)
    const shown = `${path} ${JSON.stringify(body)}`
    assert.deepEqual([actual, json.code, json.errors?.[0]?.pointer], [status, code, pointer], shown)
  }
  const twice = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"dryRun":true,"dryRun":false}',
  }
  for (const path of [`${ada}/retry`, `${ada}/discard`, `${of}/retry`, `${of}/discard`]) {
    assert.equal((await service.send(path, twice)).json.code, 'validation')
    const plain = { ...twice, headers: { 'content-type': 'text/plain' } }
    assert.equal((await service.send(path, plain)).json.code, 'unsupported-media-type')
    assert.equal((await service.send(path, { method: 'DELETE' })).status, 405)
  }
  assert.deepEqual(idsIn(await service.send('/admin/dead-letters')), ['ada', 'grace'])
  assert.deepEqual(
    sequencesIn(await service.send('/admin/dead-letters')).map(({ attempts }) => attempts),
    [1, 1],
  )
  assert.deepEqual(service.faults, [])
})
