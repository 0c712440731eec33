import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createHttpApi } from '../../index.ts'
import { serve, startApplication } from '../../test-support/fixture.ts'
import { memberOf, post, processor, serveWithDeadLetters } from './admin-fixture.test.ts'

const path = `/admin/processors/${processor}`

describe('/admin/processors', () => {
  test('shows every processor, and one of them, whether or not its @ is percent-encoded', async () => {
    await using service = await serveWithDeadLetters()
    const { status, headers, json } = await service.send('/admin/processors')
    assert.equal(status, 200)
    assert.equal(headers.get('cache-control'), 'no-store')
    const [shown, ...others] = (json as unknown as { readonly processors: readonly Record<string, unknown>[] })
      .processors
    assert.deepEqual(others, [])
    assert.equal(shown?.processorName, processor)
    assert.deepEqual(shown?.deadLetters, { retryingSequences: 0, parkedSequences: 2, events: 3 })
    assert.deepEqual([shown?.state, shown?.position, shown?.lagEvents, shown?.isPaused], ['running', 6, 0, false])
    for (const name of [processor, 'PersonView%401', '%50ersonView@1']) {
      const one = await service.send(`/admin/processors/${name}`)
      assert.deepEqual([one.status, memberOf(one, 'processorName')], [200, processor])
    }
  })

  test('pauses and resumes a processor', async () => {
    await using service = await serve()
    const paused = await post(service, `${path}/pause`)
    assert.deepEqual([paused.status, memberOf(paused, 'isPaused')], [200, true])
    let state = ''
    while (state !== 'paused') state = memberOf(await service.send(path), 'state')
    const ready = await service.send('/readyz')
    assert.deepEqual([ready.status, memberOf(ready, 'warnings')], [200, [`Processor ${processor} is paused.`]])
    await service.createPerson('ada')
    assert.equal((await service.send('/queries/GetPersonById?id=ada')).status, 404)
    const resumed = await post(service, '/admin/processors/PersonView%401/resume')
    assert.deepEqual([resumed.status, memberOf(resumed, 'isPaused')], [200, false])
    assert.equal((await service.send('/queries/GetPersonById?id=ada&after=1')).status, 200)
  })

  test('audits a processor', async () => {
    await using service = await serveWithDeadLetters()
    const audit = await post(service, `${path}/audit`)
    assert.deepEqual([audit.status, memberOf(audit, 'verdict')], [200, 'complete'])
    assert.deepEqual(memberOf(audit, 'expected'), memberOf(audit, 'recorded'))
    assert.equal(memberOf<{ readonly events: number }>(audit, 'heldBack').events, 3)
  })

  test('an audit ends when its client leaves or the service stops, and is no fault', async () => {
    for (const [who, expected] of [
      ['client', 499],
      ['service', 503],
    ] as const) {
      const { application, eventStore } = await startApplication()
      for (let more = 0; more < 3; more++) await eventStore.appendDirectly(ada, [created])
      await application.processing.drain(processor)
      const faults: unknown[] = []
      const end = new AbortController()
      const stopping = who === 'service' ? end.signal : new AbortController().signal
      const api = createHttpApi({ application, stopping, onError: (error) => faults.push(error) })
      const { readEvents } = eventStore
      let reads = 0
      eventStore.readEvents = (options) => {
        reads++
        end.abort()
        return readEvents.call(eventStore, { ...options, limit: 1 })
      }
      const headers = { 'content-type': 'application/json' }
      const signal = who === 'client' ? end.signal : null
      const { status } = await api.request(`${path}/audit`, { method: 'POST', headers, body: '{}', signal })
      assert.deepEqual([status, faults, reads], [expected, [], 1])
      await application.stop()
    }
  })

  test('a processor that does not exist is named together with those that do', async () => {
    await using service = await serve()
    for (const answer of [
      await service.send('/admin/processors/PersonView'),
      await post(service, '/admin/processors/PersonView/pause'),
      await post(service, '/admin/processors/PersonView/resume'),
      await post(service, '/admin/processors/PersonView/audit'),
    ]) {
      assert.deepEqual([answer.status, answer.json.code], [404, 'unknown-processor'])
      assert.equal(answer.json.detail, "There is no processor 'PersonView'. Known: PersonView@1.")
    }
  })

  test('wrong input is refused, and changes nothing', async () => {
    await using service = await serve()
    const json = { 'content-type': 'application/json' }
    const send = async (verb: string, body: string, headers: Record<string, string> = json) => {
      const answer = await service.send(`${path}/${verb}`, { method: 'POST', headers, body })
      return [answer.status, answer.json.code]
    }
    for (const verb of ['pause', 'resume', 'audit']) {
      assert.deepEqual(await send(verb, ''), [400, 'invalid-json'])
      assert.deepEqual(await send(verb, '[]'), [400, 'validation'])
      assert.deepEqual(await send(verb, 'null'), [400, 'validation'])
      assert.deepEqual(await send(verb, '{"force":true}'), [400, 'validation'])
      assert.deepEqual(await send(verb, '[[[[[[[]]]]]]]'), [400, 'invalid-json'])
      assert.deepEqual(await send(verb, `{"x":"${'x'.repeat(70_000)}"}`), [413, 'body-too-large'])
      assert.deepEqual(await send(verb, '{}', { 'content-type': 'text/plain' }), [415, 'unsupported-media-type'])
      assert.deepEqual(await send(verb, '{}', { ...json, origin: 'https://evil.example' }), [403, 'cross-origin'])
      assert.equal((await service.send(`${path}/${verb}`)).status, 405)
    }
    assert.equal((await service.send('/admin/processors?limit=1')).json.code, 'validation')
    assert.equal((await service.send(`${path}?limit=1`)).json.code, 'validation')
    const unsupported = await service.send('/admin/processors', { method: 'POST', headers: json, body: '{}' })
    assert.deepEqual([unsupported.status, unsupported.headers.get('allow')], [405, 'GET, HEAD'])
    assert.equal(memberOf(await service.send(path), 'isPaused'), false)
    assert.deepEqual(service.faults, [])
  })
})

describe('what is under /admin', () => {
  const token = 'a-token-of-enough-length'
  const bearer = { authorization: `Bearer ${token}` }
  const paths = ['/admin/processors', path, '/admin/dead-letters', `/admin/dead-letters/${processor}/discarded`]

  test('needs the token when there is one', async () => {
    await using service = await serve({ token })
    for (const each of paths) {
      assert.equal((await service.send(each)).status, 401, each)
      assert.equal((await service.send(each, { headers: bearer })).status, 200, each)
    }
    assert.equal((await post(service, `${path}/pause`)).status, 401)
    assert.equal((await post(service, `/admin/dead-letters/${processor}/retry`)).status, 401)
    assert.equal((await post(service, `/admin/dead-letters/${processor}/discard`)).status, 401)
  })

  test('is closed to all users until the service says who is an administrator', async () => {
    const authenticate = (request: Request) => ({ userId: request.headers.get('x-user') ?? 'nobody' })
    await using closed = await serve({ authenticate })
    await using open = await serve({ authenticate, isAdministrator: ({ userId }) => userId === 'root' })
    for (const each of paths) {
      const refused = await closed.send(each, { headers: { 'x-user': 'root' } })
      assert.deepEqual([refused.status, refused.json.code], [403, 'forbidden'])
      assert.match(refused.json.detail, /isAdministrator/)
      assert.equal((await open.send(each, { headers: { 'x-user': 'ada' } })).status, 403)
      assert.equal((await open.send(each, { headers: { 'x-user': 'root' } })).status, 200)
    }
    assert.equal((await post(open, `${path}/pause`, {}, { 'x-user': 'ada' })).status, 403)
    assert.equal((await open.send('/events', { headers: { 'x-user': 'ada' } })).status, 200)
  })
})

const ada = { aggregateType: 'Person', aggregateId: 'ada' }
const created = { eventType: 'PersonCreated', eventData: { legalName: 'Someone' } }
