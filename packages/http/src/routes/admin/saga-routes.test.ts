import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { DomainEventEnvelope, SagaOverview, SagaView } from '@cim/core'
import type { Answer } from '../../test-support/answer.ts'
import { memberOf, post } from './admin-fixture.test.ts'
import { serveWithSagas, settled } from './saga-fixture.test.ts'

const grace = '/admin/sagas/Welcome/grace'
const ada = '/admin/sagas/Welcome/ada'

const instancesIn = (answer: Answer) => memberOf<readonly SagaView[]>(answer, 'instances')
const idsIn = (answer: Answer) => instancesIn(answer).map(({ sagaName, sagaId }) => `${sagaName} ${sagaId}`)
const instanceIn = (answer: Answer) => memberOf<SagaView & { readonly version: number }>(answer, 'instance')
const typesIn = (answer: Answer) =>
  memberOf<readonly DomainEventEnvelope[]>(answer, 'timeline').map(({ eventType }) => eventType)
const byOf = (event: DomainEventEnvelope | undefined) => (event?.eventData as { readonly by?: string } | undefined)?.by

describe('GET /admin/sagas', () => {
  test('counts instances by status, and lists them, those that need somebody first', async () => {
    await using service = await serveWithSagas()
    const answer = await service.send('/admin/sagas')
    assert.equal(answer.status, 200)
    const none = { Running: 0, Stuck: 0, Compensating: 0, Completed: 0, Failed: 0 }
    assert.deepEqual(memberOf<readonly SagaOverview[]>(answer, 'sagas'), [
      { sagaName: 'Welcome', totals: { ...none, Running: 1, Stuck: 1, Completed: 1 }, deadlinesReached: 0 },
      { sagaName: 'Farewell', totals: { ...none, Running: 1 }, deadlinesReached: 0 },
    ])
    assert.deepEqual(idsIn(answer), ['Farewell joan', 'Welcome grace', 'Welcome ada', 'Welcome joan'])
    const [, stuck, running] = instancesIn(answer) as unknown as readonly Readonly<Record<string, unknown>>[]
    assert.deepEqual(stuck?.error, { message: 'How is that spelled?' })
    assert.equal(stuck?.heldInputs, 1)
    const { name } = (running?.nextDeadline ?? {}) as { readonly name?: string }
    assert.deepEqual([name, running?.pendingCommands, running?.doneSteps], ['Answer', 0, ['Note']])
  })

  test('goes by every filter', async () => {
    await using service = await serveWithSagas()
    for (const [filter, expected] of [
      ['saga=Welcome', ['Welcome grace', 'Welcome ada', 'Welcome joan']],
      ['saga=Welcome&status=Stuck', ['Welcome grace']],
      ['status=Running', ['Farewell joan', 'Welcome ada']],
      ['status=Failed', []],
      ['quietFor=PT1H', []],
      ['quietFor=3600&status=Stuck', []],
    ] as const) {
      assert.deepEqual(idsIn(await service.send(`/admin/sagas?${filter}`)), expected, filter)
    }
    const shown = memberOf<readonly SagaOverview[]>(await service.send('/admin/sagas?saga=Farewell'), 'sagas')
    assert.deepEqual(
      shown.map(({ sagaName }) => sagaName),
      ['Farewell'],
    )
  })

  test('finds what has been quiet for too long among those that can still go on', async (context) => {
    await using service = await serveWithSagas()
    context.mock.timers.enable({ apis: ['Date'], now: Date.now() + 3_600_000 })
    assert.deepEqual(idsIn(await service.send('/admin/sagas?quietFor=PT59M')), [
      'Farewell joan',
      'Welcome grace',
      'Welcome ada',
    ])
    assert.deepEqual(idsIn(await service.send('/admin/sagas?quietFor=3540&status=Completed')), ['Welcome joan'])
    assert.deepEqual(idsIn(await service.send('/admin/sagas?quietFor=PT61M')), [])
    assert.deepEqual(idsIn(await service.send('/admin/sagas?quietFor=P9999W')), [])
  })

  test('comes in pages that name the next one', async () => {
    await using service = await serveWithSagas()
    const seen: string[] = []
    let pages = 0
    for (let path: string | undefined = '/admin/sagas?limit=1'; path !== undefined; pages++) {
      const answer: Answer = await service.send(path)
      assert.ok(idsIn(answer).length <= 1)
      seen.push(...idsIn(answer))
      path = /^<(.*)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1]
      assert.equal(path === undefined, memberOf(answer, 'next') === undefined)
    }
    assert.deepEqual([seen, pages], [['Farewell joan', 'Welcome grace', 'Welcome ada', 'Welcome joan'], 4])
  })

  test('is empty where there are no sagas', async () => {
    await using service = await serveWithSagas({ sagas: [] })
    const answer = await service.send('/admin/sagas')
    assert.deepEqual([answer.status, answer.json], [200, { sagas: [], instances: [] }])
    assert.doesNotMatch((await service.send('/metrics')).text, /cim_saga/)
  })

  test('wrong input is refused', async () => {
    await using service = await serveWithSagas()
    for (const [path, status, code, pointer] of [
      ['/admin/sagas?saga=Nope', 404, 'unknown-saga'],
      ['/admin/sagas?status=stuck', 400, 'validation', '/status'],
      ['/admin/sagas?status=Stuck&status=Running', 400, 'validation', '/status'],
      ['/admin/sagas?quietFor=1h', 400, 'validation', '/quietFor'],
      ['/admin/sagas?quietFor=', 400, 'validation', '/quietFor'],
      ['/admin/sagas?limit=0', 400, 'validation', '/limit'],
      ['/admin/sagas?limit=1001', 400, 'validation', '/limit'],
      ['/admin/sagas?after=ada', 400, 'validation', '/after'],
      ['/admin/sagas?after=Nope:Stuck:2026-01-01T00:00:00.000Z:a', 400, 'validation', '/after'],
      ['/admin/sagas?status=Running&after=Welcome:Stuck:2026-01-01T00:00:00.000Z:a', 400, 'validation', '/after'],
      ['/admin/sagas?nick=a', 400, 'validation', '/nick'],
      ['/admin/sagas?saga=%FF', 400, 'bad-request'],
      ['/admin/sagas/Nope/ada', 404, 'unknown-saga'],
      ['/admin/sagas/Person/ada', 404, 'unknown-saga'],
      ['/admin/sagas/Welcome/nobody', 404, 'not-found'],
      [`/admin/sagas/Welcome/${'x'.repeat(201)}`, 404, 'not-found'],
      [`${ada}?from=0`, 400, 'validation', '/from'],
      [`${ada}?limit=x`, 400, 'validation', '/limit'],
      ['/admin/sagas/Welcome', 404, 'unknown-path'],
    ] as const) {
      const { status: actual, json } = await service.send(path)
      assert.deepEqual([actual, json.code, json.errors?.[0]?.pointer], [status, code, pointer], path)
    }
    const { json } = await service.send('/admin/sagas/Welcome/nobody')
    assert.equal(
      json.detail,
      'No Welcome was started under the id "nobody". See /admin/sagas?saga=Welcome for those that were.',
    )
    assert.deepEqual(service.faults, [])
  })
})

describe('GET /admin/sagas/{saga}/{sagaId}', () => {
  test('shows an instance with its timeline, page by page', async () => {
    await using service = await serveWithSagas()
    const answer = await service.send(ada)
    assert.equal(answer.status, 200)
    const { status, state, deadlines, startedBy, version } = instanceIn(answer)
    assert.deepEqual([status, state, startedBy?.eventType], ['Running', { name: 'Ada' }, 'PersonCreated'])
    assert.deepEqual(
      deadlines.map(({ name }) => name),
      ['Answer'],
    )
    const all = ['SagaStarted', 'EventHandled', 'DeadlineScheduled', 'CommandIssued', 'CommandAccepted']
    assert.deepEqual([typesIn(answer), version, memberOf(answer, 'next')], [all, 5, undefined])
    const first = await service.send(`${ada}?limit=3`)
    assert.deepEqual([typesIn(first), memberOf(first, 'next')], [all.slice(0, 3), 4])
    assert.deepEqual(typesIn(await service.send(`${ada}?from=4`)), all.slice(3))
    assert.deepEqual(typesIn(await service.send(`${ada}?from=9`)), [])
    assert.equal(instanceIn(first).startedAt, instanceIn(answer).startedAt)
  })

  test('says why one is stuck', async () => {
    await using service = await serveWithSagas()
    const { status, error, stuckWhile, held } = instanceIn(await service.send(grace))
    assert.deepEqual([status, error?.message, stuckWhile], ['Stuck', 'How is that spelled?', 'Running'])
    assert.match(error?.stack ?? '', /Error: How is that spelled\?\n/)
    assert.equal(held.length, 1)
  })
})

describe('POST …/retry and …/cancel', () => {
  test('do what they say, and keep who asked for it', async () => {
    const authenticate = () => ({ userId: 'root' })
    await using service = await serveWithSagas({ authenticate, isAdministrator: () => true })
    const retried = await post(service, `${grace}/retry`)
    assert.deepEqual([retried.status, retried.json.status], [200, 'Accepted'])
    assert.equal(instanceIn(await service.send(grace)).status, 'Stuck')
    const cancelled = await post(service, `${grace}/cancel`, { reason: 'She has left.' })
    assert.deepEqual([cancelled.status, cancelled.json.status], [200, 'Accepted'])
    await settled(service)
    const shown = await service.send(grace)
    assert.deepEqual(
      [instanceIn(shown).status, instanceIn(shown).failure],
      ['Failed', { code: 'cancelled', message: 'She has left.' }],
    )
    const events = memberOf<readonly DomainEventEnvelope[]>(shown, 'timeline')
    for (const eventType of ['SagaRetried', 'SagaCancelled']) {
      const [event] = events.filter((one) => one.eventType === eventType)
      assert.equal(byOf(event), 'root')
    }
  })

  test('are rejected where the status does not allow them', async () => {
    await using service = await serveWithSagas()
    const retried = await post(service, `${ada}/retry`)
    assert.deepEqual([retried.status, retried.json.status], [422, 'Rejected'])
    assert.equal((retried.json.reason as { readonly code: string }).code, 'saga-not-stuck')
    const late = await post(service, '/admin/sagas/Welcome/joan/cancel', { reason: 'Too late.' })
    assert.deepEqual([late.status, (late.json.reason as { readonly code: string }).code], [422, 'saga-not-running'])
  })

  test('wrong input is refused, and changes nothing', async () => {
    await using service = await serveWithSagas()
    const before = await service.send(grace)
    for (const [path, body, status, code, pointer] of [
      [`${grace}/retry`, { by: 'me' }, 400, 'validation', '/by'],
      [`${grace}/retry`, [], 400, 'validation', ''],
      [`${grace}/cancel`, {}, 400, 'validation', '/reason'],
      [`${grace}/cancel`, { reason: ' ' }, 400, 'validation', '/reason'],
      [`${grace}/cancel`, { reason: 'x'.repeat(1001) }, 400, 'validation', '/reason'],
      [`${grace}/cancel`, { reason: 1 }, 400, 'validation', '/reason'],
      ['/admin/sagas/Welcome/nobody/retry', {}, 404, 'not-found'],
      ['/admin/sagas/Welcome/nobody/cancel', { reason: 'Why not?' }, 404, 'not-found'],
      ['/admin/sagas/Nope/ada/retry', {}, 404, 'unknown-saga'],
      ['/admin/sagas/Person/ada/cancel', { reason: 'Why not?' }, 404, 'unknown-saga'],
      [`${grace}/discard`, {}, 404, 'unknown-path'],
    ] as const) {
      const { status: actual, json } = await post(service, path, body)
      assert.deepEqual([actual, json.code, json.errors?.[0]?.pointer], [status, code, pointer], path)
    }
    assert.equal((await service.send(`${grace}/retry`)).status, 405)
    assert.deepEqual((await service.send(grace)).json, before.json)
    assert.deepEqual(service.faults, [])
  })

  test('are for administrators alone', async () => {
    const authenticate = () => ({ userId: 'somebody' })
    await using service = await serveWithSagas({ authenticate, isAdministrator: () => false })
    for (const path of ['/admin/sagas', grace]) assert.equal((await service.send(path)).status, 403)
    for (const path of [`${grace}/retry`, `${grace}/cancel`]) assert.equal((await post(service, path)).status, 403)
    await using guarded = await serveWithSagas({ token: 'x'.repeat(16), sagas: [] })
    assert.equal((await guarded.send('/admin/sagas')).status, 401)
  })
})

test('the metrics count instances by status, and deadlines', async () => {
  await using service = await serveWithSagas()
  const { text } = await service.send('/metrics')
  assert.match(text, /^# TYPE cim_saga_instances gauge$/m)
  for (const line of [
    'cim_saga_instances{saga="Welcome",status="Stuck"} 1',
    'cim_saga_instances{saga="Welcome",status="Failed"} 0',
    'cim_saga_instances{saga="Farewell",status="Running"} 1',
    'cim_saga_deadlines_reached_total{saga="Welcome"} 0',
  ]) {
    assert.ok(text.split('\n').includes(line), line)
  }
})
