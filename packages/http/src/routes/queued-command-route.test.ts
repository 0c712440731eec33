import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Service, serve } from '../test-support/fixture.ts'

const limit = { timeout: 20_000 }
const creation = { aggregateId: 'ada', data: { legalName: 'Ada' } }

/** Queues a command of a client that would rather not wait. */
function queue(service: Service, commandId: string, prefer = 'respond-async', body: object = creation) {
  return service.command('CreatePerson', body, { Prefer: prefer, 'Idempotency-Key': commandId })
}

/** Lets no command to a person be executed. @returns a function that lets them be */
function hold({ eventStore }: Service): () => void {
  const { promise, resolve } = Promise.withResolvers<void>()
  eventStore.beforeAppend = ({ aggregateType }) => (aggregateType === 'Person' ? promise : undefined)
  return resolve
}

describe('a command whose sender prefers not to wait', () => {
  test('is answered 202 with its place, where its final acknowledgment comes', limit, async () => {
    await using service = await serve()
    const release = hold(service)
    const { status, headers, json } = await queue(service, 'c-1')
    assert.deepEqual([status, json.status, json.commandId, json.aggregateId], [202, 'Pending', 'c-1', 'ada'])
    assert.deepEqual(
      ['location', 'preference-applied', 'x-correlation-id', 'etag', 'x-position'].map((name) => headers.get(name)),
      ['/commands/c-1', 'respond-async', 'c-1', null, null],
    )
    const pending = await service.send('/commands/c-1')
    assert.deepEqual([pending.status, pending.json], [202, json])
    assert.deepEqual((await queue(service, 'c-1')).json, json)
    const waiting = service.send('/commands/c-1?wait=15000')
    release()
    const final = await waiting
    assert.deepEqual([final.status, final.json.status, final.json.version], [200, 'Accepted', 1])
    assert.equal(final.headers.get('x-position'), String(final.json.position))
    assert.equal(final.headers.get('cache-control'), 'no-store')
    assert.deepEqual((await service.send('/commands/c-1')).json, final.json)
    const again = await queue(service, 'c-1')
    assert.deepEqual([again.status, again.json, again.headers.get('etag')], [200, final.json, '"1"'])
  })

  test('may wait for a while: then the final acknowledgment comes at once, or Pending after all', limit, async () => {
    await using service = await serve()
    const accepted = await queue(service, 'c-1', 'respond-async, wait=15')
    assert.deepEqual([accepted.status, accepted.json.status], [200, 'Accepted'])
    assert.equal(accepted.headers.get('preference-applied'), 'respond-async, wait=15')
    const rejected = await queue(service, 'c-2', 'wait=15, respond-async')
    assert.deepEqual([rejected.status, rejected.json.status], [422, 'Rejected'])
    const asked = await service.send('/commands/c-2')
    assert.deepEqual([asked.status, asked.json], [200, rejected.json])
    const release = hold(service)
    const other = { ...creation, aggregateId: 'eve' }
    const late = await queue(service, 'c-3', 'respond-async, wait=0', other)
    assert.deepEqual([late.status, late.headers.get('location')], [202, '/commands/c-3'])
    const preferred = await service.send('/commands/c-3', { headers: { Prefer: 'wait=0' } })
    assert.deepEqual([preferred.status, preferred.headers.get('preference-applied')], [202, 'wait=0'])
    const waiting = service.send('/commands/c-3', { headers: { Prefer: 'wait=15' } })
    release()
    assert.equal((await waiting).status, 200)
  })

  test('is validated before it is queued, and its id names one command alone', limit, async () => {
    await using service = await serve()
    const release = hold(service)
    const invalid = await queue(service, 'c-1', 'respond-async', { data: {} })
    assert.deepEqual([invalid.status, invalid.json.errors[0]?.pointer], [400, '/data/legalName'])
    await queue(service, 'c-1')
    const other = await queue(service, 'c-1', 'respond-async', { ...creation, aggregateId: 'eve' })
    assert.deepEqual([other.status, other.json.code], [409, 'command-id-reused'])
    release()
  })

  test('has any id that a header can carry', limit, async () => {
    await using service = await serve()
    const { headers, json } = await queue(service, 'a/b c?%41&d#e')
    assert.equal(headers.get('location'), '/commands/a%2Fb%20c%3F%2541%26d%23e')
    const { status, json: final } = await service.send(`${headers.get('location')}?wait=15000`)
    assert.deepEqual([status, final.commandId], [200, json.commandId])
  })

  test('is told when to come back when too many wait; the metrics show it', limit, async () => {
    await using service = await serve({ commandQueue: { mostPending: 1 } })
    const release = hold(service)
    await queue(service, 'c-1')
    const { status, headers, json } = await queue(service, 'c-2')
    assert.deepEqual([status, json.code, json.limit, headers.get('retry-after')], [503, 'command-queue-full', 1, '5'])
    assert.equal((await queue(service, 'c-1')).status, 202, 'what waits already is known')
    const full = (await service.send('/metrics')).text
    assert.match(full, /^cim_command_queue_depth 1$/m)
    assert.match(full, /^cim_command_queue_oldest_seconds \d+(\.\d+)?$/m)
    assert.match(full, /^cim_commands_total\{command="CreatePerson",status="Pending"\} 2$/m)
    release()
    await service.send('/commands/c-1?wait=15000')
    assert.equal((await queue(service, 'c-2')).status, 202)
    await service.send('/commands/c-2?wait=15000')
    assert.match((await service.send('/metrics')).text, /^cim_command_queue_depth 0$/m)
  })
})

describe('GET /commands/{commandId}', () => {
  test('knows only what was queued, and says so', limit, async () => {
    await using service = await serve()
    await service.command('CreatePerson', creation, { 'Idempotency-Key': 'c-1', Prefer: 'wait=15' })
    for (const id of ['c-1', 'CreatePerson']) {
      const { status, json } = await service.send(`/commands/${id}?wait=30000`)
      assert.deepEqual([status, json.code, json.commandId], [404, 'unknown-command-id', id])
      assert.match(json.detail, /Only commands that were answered Pending can be asked for/)
    }
    for (const query of ['wait=-1', 'wait=30001', 'wait=soon', 'wait=1&wait=2', 'waitMs=5']) {
      const { status, json } = await service.send(`/commands/c-1?${query}`)
      assert.deepEqual([status, json.code], [400, 'validation'], query)
    }
    assert.equal((await service.send(`/commands/${'x'.repeat(201)}`)).status, 400)
    const { status, headers } = await service.send('/commands/c-1', { method: 'DELETE' })
    assert.deepEqual([status, headers.get('allow')], [405, 'GET, HEAD, POST'])
  })

  test('ends when the service stops; the sender of the command is answered Pending', limit, async () => {
    await using service = await serve({ stopTimeoutMs: 60_000 })
    const release = hold(service)
    const sending = queue(service, 'c-1', 'respond-async, wait=30')
    while (service.application.commandQueue.status.depth === 0) await service.send('/healthz')
    const asking = service.send('/commands/c-1?wait=30000')
    for (let turn = 0; turn < 5; turn++) await service.send('/healthz')
    await service.server.stop()
    const [sent, asked] = await Promise.all([sending, asking])
    assert.deepEqual([sent.status, sent.json.status], [202, 'Pending'])
    assert.deepEqual([asked.status, asked.json.code], [503, 'stopping'])
    release()
  })
})
