import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ForbiddenError, StoreFullError, UnauthenticatedError } from '@cim/core'
import { type Service, serve } from '../test-support/fixture.ts'

const utf8 = new TextEncoder()

describe('POST /commands/{commandType}', () => {
  let service: Service
  before(async () => {
    service = await serve()
  })
  after(() => service[Symbol.asyncDispose]())

  test('an accepted command gives 200, its acknowledgment, the version as ETag and the position', async () => {
    const { status, headers, json } = await service.command('CreatePerson', { data: { legalName: 'Ada' } })
    assert.equal(status, 200)
    assert.equal(headers.get('content-type'), 'application/json')
    assert.equal(json.status, 'Accepted')
    assert.equal(json.version, 1)
    assert.equal(headers.get('etag'), '"1"')
    assert.equal(headers.get('x-position'), String(json.position))
    assert.equal(headers.get('x-correlation-id'), json.commandId)
  })

  test('a rejected command gives 422 and its acknowledgment with the reason', async () => {
    await service.createPerson('rejected')
    const { status, headers, json } = await service.command('CreatePerson', {
      aggregateId: 'rejected',
      data: { legalName: 'Eve' },
    })
    assert.equal(status, 422)
    assert.equal(headers.get('content-type'), 'application/json')
    assert.equal(json.status, 'Rejected')
    assert.deepEqual(json.reason, { code: 'person-exists', message: 'This person exists already.' })
    assert.equal(headers.get('etag'), '"1"')
  })

  test('an Idempotency-Key sent again gives the first acknowledgment and appends nothing', async () => {
    const body = { data: { legalName: 'Ada' } }
    const first = await service.command('CreatePerson', body, { 'Idempotency-Key': 'create-ada' })
    const head = await service.eventStore.headPosition()
    const again = await service.command('CreatePerson', body, { 'Idempotency-Key': 'create-ada' })
    const quoted = await service.command('CreatePerson', body, { 'Idempotency-Key': '"create-ada"' })
    assert.equal(first.json.commandId, 'create-ada')
    assert.deepEqual(again.json, first.json)
    assert.deepEqual(quoted.json, first.json)
    assert.equal(await service.eventStore.headPosition(), head)
  })

  test('an Idempotency-Key counts within one aggregate', async () => {
    const create = (aggregateId: string) =>
      service.command('CreatePerson', { aggregateId, data: { legalName: 'Ada' } }, { 'Idempotency-Key': 'same' })
    const [one, other] = [await create('key-1'), await create('key-2')]
    assert.deepEqual([one.json.aggregateId, other.json.aggregateId], ['key-1', 'key-2'])
    assert.deepEqual([one.json.version, other.json.version], [1, 1])
    assert.notEqual(one.json.position, other.json.position)
  })

  test('an Idempotency-Key for another command gives 409', async () => {
    const headers = { 'Idempotency-Key': 'once' }
    await service.command('CreatePerson', { data: { legalName: 'Ada' } }, headers)
    const { status, json } = await service.command('CreatePerson', { data: { legalName: 'Eve' } }, headers)
    assert.equal(status, 409)
    assert.equal(json.code, 'command-id-reused')
    assert.equal(json.commandId, 'once')
  })

  test('the expected version in If-Match must be the aggregate’s', async () => {
    const aggregateId = await service.createPerson('versioned')
    const command = { aggregateId, data: { newEmail: 'ada@example.org' } }
    const mismatch = await service.command('ChangeEmail', command, { 'If-Match': '"7"' })
    assert.equal(mismatch.status, 412)
    assert.equal(mismatch.headers.get('etag'), '"1"')
    assert.equal(mismatch.headers.get('content-type'), 'application/problem+json')
    assert.equal(mismatch.json.code, 'version-mismatch')
    assert.equal(mismatch.json.expectedVersion, 7)
    assert.equal(mismatch.json.actualVersion, 1)
    const match = await service.command('ChangeEmail', command, { 'If-Match': '"1"' })
    assert.equal(match.status, 200)
    assert.equal(match.headers.get('etag'), '"2"')
    const creation = { aggregateId, data: { legalName: 'Ada' } }
    assert.equal((await service.command('CreatePerson', creation, { 'If-Match': '"0"' })).status, 412)
  })

  for (const value of ['W/"1"', '1', '*', '"1", "2"', '"-1"', '"1.0"', '"01"', '""', '"99999999999999999"']) {
    test(`If-Match: ${value} gives 400 naming the header`, async () => {
      const { status, json } = await service.command('CreatePerson', { data: {} }, { 'If-Match': value })
      assert.equal(status, 400)
      assert.equal(json.code, 'invalid-header')
      assert.equal(json.header, 'if-match')
    })
  }

  for (const [name, value] of [
    ['Idempotency-Key', 'x'.repeat(201)],
    ['Idempotency-Key', '"unfinished'],
    ['Idempotency-Key', 'na\u00efve'],
    ['Idempotency-Key', 'a\tb'],
    ['X-Correlation-ID', 'x'.repeat(201)],
    ['X-Correlation-ID', '""'],
  ] as const) {
    test(`${name}: ${value.slice(0, 20)} gives 400 naming the header`, async () => {
      const { status, json } = await service.command('CreatePerson', { data: {} }, { [name]: value })
      assert.equal(status, 400)
      assert.equal(json.header, name.toLowerCase())
    })
  }

  test('X-Correlation-ID is kept in the events and sent back', async () => {
    const { headers, json } = await service.command(
      'CreatePerson',
      { data: { legalName: 'Ada' } },
      { 'X-Correlation-ID': 'visit-1' },
    )
    assert.equal(headers.get('x-correlation-id'), 'visit-1')
    const [stored] = await service.eventStore.loadEvents({ aggregateType: 'Person', aggregateId: json.aggregateId })
    assert.equal(stored?.metadata.correlationId, 'visit-1')
    assert.equal(stored?.metadata.causationId, json.commandId)
  })

  test('a header that only looks like a user is not believed', async () => {
    const headers = { 'X-User-ID': 'root', 'X-Session-ID': 's' }
    const { json } = await service.command('CreatePerson', { data: { legalName: 'Ada' } }, headers)
    const [stored] = await service.eventStore.loadEvents({ aggregateType: 'Person', aggregateId: json.aggregateId })
    assert.equal(stored?.metadata.userId, undefined)
    assert.equal(stored?.metadata.sessionId, undefined)
  })

  test('an unknown command gives 404 and what is known', async () => {
    for (const name of ['Nope', '__proto__', 'constructor', 'toString', 'Create%20Person', '%25E0%25A4%25A']) {
      const { status, json } = await service.command(name, { data: {} })
      assert.equal(status, 404)
      assert.equal(json.code, 'unknown-command')
      assert.match(json.detail, /CreatePerson/)
    }
  })

  test('data that does not fit its schema gives 400 with pointers into the body', async () => {
    const { status, headers, json } = await service.command('CreatePerson', { data: { legalName: 7, nick: 'x' } })
    assert.equal(status, 400)
    assert.equal(headers.get('content-type'), 'application/problem+json')
    assert.equal(json.type, '/problems/validation')
    assert.equal(json.status, 400)
    const pointers = json.errors.map(({ pointer }: { readonly pointer: string }) => pointer)
    assert.deepEqual(pointers, ['/data/legalName', '/data'])
    const whole = await service.command('CreatePerson', { data: 'x' })
    assert.equal(whole.json.errors[0]?.pointer, '/data')
  })

  for (const [what, body, pointer] of [
    ['an unknown field', { data: { legalName: 'A' }, dryRun: true }, '/dryRun'],
    ['a field with a slash', { data: { legalName: 'A' }, 'a/b~c': true }, '/a~1b~0c'],
    ['a field called __proto__', '{"data": {"legalName": "A"}, "__proto__": {"x": 1}}', '/__proto__'],
    ['data given twice', '{"data": {"legalName": "A"}, "data": {"legalName": "B"}}', '/data'],
    ['data given twice, once in disguise', '{"data": {"legalName": "A"}, "d\\u0061ta": 1}', '/data'],
    ['no data', { aggregateId: 'a' }, '/data'],
    ['an aggregate id that is a number', { aggregateId: 7, data: { legalName: 'A' } }, '/aggregateId'],
    ['an aggregate id that is empty', { aggregateId: '', data: { legalName: 'A' } }, '/aggregateId'],
    ['an aggregate id that is too long', { aggregateId: 'x'.repeat(201), data: {} }, '/aggregateId'],
    ['half a surrogate pair', '{"aggregateId": "\\ud800", "data": {}}', '/aggregateId'],
    ['a number that is too large', '{"data": {"legalName": "1e999", "x": [1e308, 1E+0400]}}', '/data/x/1'],
    ['a number with too many digits', `{"data": {"x": ${'9'.repeat(400)}}}`, '/data/x'],
    ['an array', [], ''],
    ['null', null, ''],
    ['a string', '"x"', ''],
  ] as const) {
    test(`a body with ${what} gives 400 pointing at it`, async () => {
      const { status, json } = await service.command('CreatePerson', body)
      assert.equal(status, 400)
      assert.equal(json.code, 'validation')
      assert.equal(json.errors[0]?.pointer, pointer)
    })
  }

  for (const [what, body] of [
    ['nothing', ''],
    ['half a document', '{"data": {'],
    ['a trailing comma', '{"data": {},}'],
    ['NaN', '{"data": NaN}'],
    ['nesting past the limit', `{"data": {"note": ${'['.repeat(100)}${']'.repeat(100)}}}`],
    ['a million brackets', '['.repeat(1_000_000)],
    ['nesting of a million', `${'{"data":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
  ] as const) {
    test(`a body with ${what} gives 400`, async () => {
      const { status, json } = await service.command('TakeNote', body)
      assert.equal(status, 400)
      assert.equal(json.code, 'invalid-json')
    })
  }

  test('bytes that are not UTF-8 give 400', async () => {
    const { status, json } = await service.send('/commands/CreatePerson', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: new Uint8Array([...utf8.encode('{"data":{"legalName":"'), 0xc3, 0x28, ...utf8.encode('"}}')]),
    })
    assert.equal(status, 400)
    assert.equal(json.code, 'invalid-json')
  })

  test('__proto__ within data is data, and every kind of string comes back', async () => {
    const text = '{"note": {"__proto__": {"polluted": true}, "constructor": 1, "e": "\u{1f600}", "nul": "\\u0000"}}'
    const { status, json } = await service.command('TakeNote', `{"aggregateId": "noted", "data": ${text}}`)
    assert.equal(status, 200, JSON.stringify(json))
    assert.equal(({} as { readonly polluted?: unknown }).polluted, undefined)
    const stored = await service.send('/aggregates/Person/noted/events')
    assert.equal(JSON.stringify(stored.json.events[0]?.data), JSON.stringify(JSON.parse(text)))
  })

  test('ids with characters that have a meaning in paths are found under their encoded form', async () => {
    for (const aggregateId of ['a/b', 'a%2Fb', '100%', 'a?b#c', 'ü \u{1f600}', '"quoted"', "it's", 'a\\b', 'a..b']) {
      await service.createPerson(aggregateId, aggregateId)
      const { status, json } = await service.send(`/aggregates/Person/${encodeURIComponent(aggregateId)}`)
      assert.equal(status, 200, aggregateId)
      assert.equal(json.aggregateId, aggregateId)
      assert.equal(json.state.legalName, aggregateId)
    }
  })

  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1', 'x']) {
    test(`a body of type ${type} gives 415`, async () => {
      const { status, headers, json } = await service.command('CreatePerson', '{}', { 'content-type': type })
      assert.equal(status, 415)
      assert.equal(json.code, 'unsupported-media-type')
      assert.equal(headers.get('accept-post'), 'application/json')
    })
  }

  test('a compressed body gives 415, and a charset of UTF-8 is fine', async () => {
    const zipped = await service.command('CreatePerson', '{}', { 'content-encoding': 'gzip' })
    assert.equal(zipped.status, 415)
    const type = { 'content-type': 'Application/JSON; charset="UTF-8"' }
    assert.equal((await service.command('CreatePerson', { data: { legalName: 'A' } }, type)).status, 200)
  })

  test('an error in the application gives 500 with an id, and only the log learns more', async () => {
    const { status, json, text } = await service.command('Fail', { data: {} })
    assert.equal(status, 500)
    assert.equal(json.code, 'internal')
    assert.match(json.errorId, /^[0-9a-f-]{36}$/)
    assert.doesNotMatch(text, /secret|home|\.ts/)
    assert.match(String(service.faults.at(-1)), /a secret/)
  })
})

test('others that keep appending first give 409', async () => {
  await using service = await serve()
  const { eventStore } = service
  await service.createPerson('contended')
  eventStore.beforeAppend = async (aggregate) => {
    await eventStore.appendDirectly(aggregate, [{ eventType: 'NoteTaken', eventData: { note: 1 } }])
  }
  const command = { aggregateId: 'contended', data: { newEmail: 'a@example.org' } }
  const { status, json } = await service.command('ChangeEmail', command)
  assert.equal(status, 409)
  assert.equal(json.code, 'concurrency')
  assert.equal(json.aggregateId, 'contended')
})

test('an event that is larger than the store accepts gives 413', async () => {
  await using service = await serve()
  const { status, json } = await service.command('TakeNote', { data: { note: 'x'.repeat(1_100_000) } })
  assert.equal(status, 413)
  assert.equal(json.code, 'payload-too-large')
  assert.equal(json.limit, 1_048_576)
})

test('a body past the limit gives 413, whether or not it says how long it is', async () => {
  await using service = await serve({ maxBodyBytes: 1000 })
  const fits = JSON.stringify({ data: { legalName: 'x'.repeat(900) } })
  const large = JSON.stringify({ data: { legalName: 'x'.repeat(100_000) } })
  const chunked = (text: string): RequestInit => ({
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: new Blob([text]).stream(),
    duplex: 'half',
  })
  assert.equal((await service.command('CreatePerson', fits)).status, 200)
  assert.equal((await service.send('/commands/CreatePerson', chunked(fits))).status, 200)
  for (const answer of [
    await service.command('CreatePerson', large),
    await service.send('/commands/CreatePerson', chunked(large)),
  ]) {
    assert.equal(answer.status, 413)
    assert.equal(answer.json.code, 'body-too-large')
    assert.equal(answer.json.limit, 1000)
  }
})

test('a full store and a closed one give 503 without saying where they are', async () => {
  await using service = await serve()
  service.eventStore.beforeAppend = () => {
    throw new StoreFullError('No room in /var/data/events.db')
  }
  const full = await service.command('CreatePerson', { data: { legalName: 'Ada' } })
  assert.equal(full.status, 503)
  assert.equal(full.json.code, 'store-full')
  assert.equal(full.headers.get('retry-after'), '30')
  assert.doesNotMatch(full.text, /var/)
  assert.match(String(service.faults.at(-1)), /events\.db/)
  service.eventStore.beforeAppend = undefined
  await service.eventStore.close()
  const closed = await service.command('CreatePerson', { data: { legalName: 'Ada' } })
  assert.equal(closed.status, 503)
  assert.equal(closed.json.code, 'store-closed')
})

test('what authorize throws gives 401 and 403', async () => {
  await using service = await serve({
    authorize: ({ commandType }) => {
      if (commandType === 'CreatePerson') throw new UnauthenticatedError('Log in first.')
      throw new ForbiddenError('Only on Sundays.')
    },
  })
  const unknown = await service.command('CreatePerson', { data: { legalName: 'Ada' } })
  assert.equal(unknown.status, 401)
  assert.match(unknown.headers.get('www-authenticate') ?? '', /^Bearer/)
  const forbidden = await service.command('ChangeEmail', { aggregateId: 'a', data: { newEmail: 'a@example.org' } })
  assert.equal(forbidden.status, 403)
  assert.equal(forbidden.json.detail, 'Only on Sundays.')
})

test('who the application says sent a command stands in the metadata and reaches authorize', async () => {
  const seen: unknown[] = []
  await using service = await serve({
    authenticate: (request) => {
      const userId = request.headers.get('x-gateway-user')
      return userId === null ? undefined : { userId, sessionId: 's1', role: 'editor' }
    },
    authorize: (_, principal) => {
      seen.push(principal)
    },
  })
  const body = { aggregateId: 'a', data: { legalName: 'Ada' } }
  assert.equal((await service.command('CreatePerson', body)).status, 401)
  assert.equal((await service.command('CreatePerson', body, { 'X-Gateway-User': 'kim' })).status, 200)
  const [stored] = await service.eventStore.loadEvents({ aggregateType: 'Person', aggregateId: 'a' })
  assert.equal(stored?.metadata.userId, 'kim')
  assert.equal(stored?.metadata.sessionId, 's1')
  assert.deepEqual(seen, [{ userId: 'kim', sessionId: 's1', role: 'editor' }])
})
