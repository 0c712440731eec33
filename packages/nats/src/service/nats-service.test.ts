import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type ApplicationOptions, type EntityId, ForbiddenError, MemoryEventStore } from '@cim/core'
import { jetstreamManager } from '@nats-io/jetstream'
import { headers, type NatsConnection } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import fc from 'fast-check'
import { type NatsServer, startNatsServer } from '../test-support/nats-server.ts'
import { NatsClient, type NatsClientOptions } from './nats-client.ts'
import { NatsService } from './nats-service.ts'
import type { NatsServiceOptions } from './nats-service-options.ts'
import { startPeople } from './sample-people.test.ts'
import type { RemoteProblemError } from './service-errors.ts'

let server: NatsServer
let connection: NatsConnection

before(async () => {
  server = await startNatsServer({
    configuration: `accounts {
      MAIN { jetstream: enabled, users: [
        { user: main, password: main },
        { user: mute, password: mute, permissions: { publish: ">", subscribe: "_INBOX.>" } }
      ] }
      PLAIN { users: [{ user: plain, password: plain }] }
    }`,
  })
  connection = await connectAs('main')
})
after(async () => {
  await connection.close()
  await server[Symbol.asyncDispose]()
})

function connectAs(user: string): Promise<NatsConnection> {
  return connect({ servers: server.url, user, pass: user })
}

let prefixes = 0

async function open(
  options: Partial<NatsServiceOptions> = {},
  {
    application: more = {},
    client: asked = {},
  }: { application?: Partial<ApplicationOptions>; client?: Partial<NatsClientOptions> } = {},
) {
  const subjectPrefix = options.subjectPrefix ?? `test-${++prefixes}`
  const faults: unknown[] = []
  const application = await startPeople(more)
  const onError = (error: unknown) => faults.push(error)
  const service = new NatsService({ connection, application, subjectPrefix, onError, ...options })
  await service.start().catch(async (error: unknown) => {
    await application.stop()
    throw error
  })
  const client = new NatsClient({ connection: options.connection ?? connection, subjectPrefix, ...asked })
  const close = async () => {
    await service.stop()
    await application.stop()
  }
  return { service, application, client, faults, subjectPrefix, [Symbol.asyncDispose]: close }
}

const createAda = { commandType: 'CreatePerson', data: { legalName: 'Ada' } }

async function errorOf(work: Promise<unknown>, code: string): Promise<RemoteProblemError> {
  const error = await work.then(
    () => assert.fail('it should have failed'),
    (cause: unknown) => cause as RemoteProblemError,
  )
  assert.equal(error.code, code, String(error.stack))
  return error
}

/** Closes a gate in front of every command: they wait until it is opened. */
function gated() {
  const gate = Promise.withResolvers<void>()
  const begun: string[] = []
  const authorize: ApplicationOptions['authorize'] = async ({ commandId }) => {
    begun.push(commandId)
    await gate.promise
  }
  const untilBegun = async (count: number) => {
    while (begun.length < count) await new Promise(setImmediate)
  }
  return { open: gate.resolve, begun, untilBegun, application: { authorize } }
}

describe('a service over NATS', () => {
  for (const form of ['json', 'serde'] as const) {
    test(`${form}: accepts, rejects, repeats and answers`, async () => {
      await using it = await open({}, { client: { form } })
      const { client } = it
      const command = { ...createAda, aggregateId: 'ada' as EntityId, commandId: 'c 1', correlationId: 'correlation:x' }
      const accepted = await client.dispatch('Person', command)
      assert.deepEqual(
        [accepted.status, accepted.aggregateId, accepted.version, accepted.commandId],
        ['Accepted', 'ada', 1, 'c 1'],
      )
      assert.deepEqual(await client.dispatch('Person', command), accepted)
      const rejected = await client.dispatch('Person', { ...command, commandId: 'c 2' })
      assert.deepEqual(
        [rejected.status, rejected.reason],
        ['Rejected', { code: 'person-exists', message: 'Person already created' }],
      )
      const query = { queryType: 'GetPersonById', parameters: { id: 'ada' }, afterPosition: accepted.position }
      assert.deepEqual(await client.query(query), { name: 'Ada' })
      assert.equal(await client.query({ queryType: 'GetPersonById', parameters: { id: 'nobody' } }), undefined)
      const [stored] = await it.application.eventStore.loadEvents({ aggregateType: 'Person', aggregateId: 'ada' })
      assert.equal(stored?.metadata.correlationId, 'correlation:x')
      assert.deepEqual(it.faults, [])
    })
  }

  test('acknowledges Pending when it is asked to, and executes later', async () => {
    await using it = await open()
    const pending = await it.client.dispatch('Person', createAda, { mode: 'async' })
    assert.equal(pending.status, 'Pending')
    assert.equal((await it.application.acknowledgmentOf(pending.commandId, { waitMs: 10_000 })).status, 'Accepted')
  })

  test('is understood by a client that knows nothing but JSON', async () => {
    await using it = await open()
    const body = '{"aggregate_id": {"id": "ada"}, "data": {"legalName": "Ada"}, "more": 1}'
    const reply = await connection.request(`${it.subjectPrefix}.commands.Person.CreatePerson`, body)
    assert.equal(reply.headers?.get('Content-Type'), 'application/json')
    assert.equal((reply.json() as { status: unknown }).status, 'Accepted')
    const accept = headers()
    accept.set('accept', 'application/vnd.cim.serde+json')
    const other = await connection.request(`${it.subjectPrefix}.commands.Person.CreatePerson`, body, {
      headers: accept,
      timeout: 5000,
    })
    assert.deepEqual((other.json() as { status: unknown }).status, { Rejected: 'Person already created' })
  })

  test('answers what it cannot do with a problem that tells what to do', async () => {
    await using it = await open()
    const { client } = it
    const invalid = await errorOf(client.dispatch('Person', { ...createAda, data: { legalName: 7 } }), 'validation')
    assert.deepEqual(invalid.problem.errors, [{ pointer: '/data/legalName', message: 'must be a string' }])
    const unknown = await errorOf(client.dispatch('Person', { ...createAda, commandType: 'Fly' }), 'unknown-command')
    assert.match(unknown.message, /There is no command 'Fly'\. Known: CreatePerson, Fail\./)
    const query = await errorOf(client.query({ queryType: 'GetPersonById', parameters: {} }), 'validation')
    assert.deepEqual(query.problem.errors, [{ pointer: '/parameters/id', message: 'must be a string' }])
    const past = { queryType: 'GetPersonById', parameters: { id: 'ada' }, asOf: { position: 9 } }
    assert.match(
      JSON.stringify((await errorOf(client.query(past), 'validation')).problem.errors),
      /"\/as_of\/position"/,
    )
    const late = { queryType: 'GetPersonById', parameters: { id: 'ada' }, afterPosition: 9, waitMs: 1 }
    assert.equal((await errorOf(client.query(late), 'consistency-timeout')).problem.wantedPosition, 9)
    const version = { ...createAda, aggregateId: 'ada' as EntityId, expectedVersion: 3 }
    assert.equal((await errorOf(client.dispatch('Person', version), 'version-mismatch')).problem.actualVersion, 0)
    assert.deepEqual(it.faults, [])
    const failed = await errorOf(client.dispatch('Person', { commandType: 'Fail', data: {} }), 'internal')
    assert.doesNotMatch(JSON.stringify(failed.problem), /secret/)
    assert.match(String(it.faults[0]), /secret/)
    assert.match(String(failed.problem.errorId), /^[0-9a-f-]{36}$/)
  })

  test('answers any bytes, and whoever comes after them', async () => {
    await using it = await open()
    const texts = ['', '{', 'null', '[]', '7', '{"data": {"legalName": 12345678901234567890}}', '['.repeat(100_000)]
    const subjects = ['commands.Person.CreatePerson', 'queries.GetPersonById'].map(
      (end) => `${it.subjectPrefix}.${end}`,
    )
    const answer = async (subject: string, body: string | Uint8Array) => {
      const reply = await connection.request(subject, body, { timeout: 5000 })
      assert.equal((reply.json() as { code: unknown }).code, 'validation')
      assert.equal(reply.headers?.get('Nats-Service-Error-Code'), 'validation')
    }
    for (const subject of subjects) {
      for (const text of texts) await answer(subject, text)
      await fc.assert(fc.asyncProperty(fc.uint8Array(), (body) => answer(subject, body)))
      await fc.assert(fc.asyncProperty(fc.json(), (body) => answer(subject, body)))
    }
    assert.equal((await it.client.dispatch('Person', createAda)).status, 'Accepted')
    assert.deepEqual(it.faults, [])
  })

  test('ignores a command that nobody waits for, and says so', async () => {
    await using it = await open()
    connection.publish(`${it.subjectPrefix}.commands.Person.CreatePerson`, '{"data": {"legalName": "Ada"}}')
    while (it.faults.length === 0) await new Promise(setImmediate)
    assert.match(String(it.faults[0]), /without a reply subject, and was ignored/)
    assert.equal(await it.application.eventStore.headPosition(), 0)
  })

  test('refuses a result that is larger than a message, and says how large it was', async () => {
    await using it = await open()
    const query = { queryType: 'RepeatText', parameters: { times: '2000000' } }
    assert.match(
      (await errorOf(it.client.query(query), 'reply-too-large')).message,
      /takes 2000\d+ bytes, a message may have 1048576/,
    )
  })

  test('begins no more than it can bear, and says that it is busy', async () => {
    const gate = gated()
    await using it = await open({ maxInFlight: 2 }, { application: gate.application })
    const first = [it.client.dispatch('Person', createAda), it.client.dispatch('Person', createAda)]
    await gate.untilBegun(2)
    const busy = await errorOf(it.client.dispatch('Person', createAda), 'service-busy')
    assert.equal(busy.problem.retryAfter, 1)
    gate.open()
    for (const one of await Promise.all(first)) assert.equal(one.status, 'Accepted')
    assert.equal((await it.client.dispatch('Person', createAda)).status, 'Accepted')
    assert.equal(gate.begun.length, 3)
  })

  test('gives up an answer that takes too long, and keeps its place until the work has ended', async () => {
    const gate = gated()
    await using it = await open({ timeoutMs: 30, maxInFlight: 1 }, { application: gate.application })
    const command = { ...createAda, commandId: 'c-1' }
    assert.match(
      (await errorOf(it.client.dispatch('Person', command), 'service-timeout')).message,
      /sent again under its id/,
    )
    assert.equal(it.service.inFlight, 1)
    await errorOf(it.client.dispatch('Person', createAda), 'service-busy')
    gate.open()
    while (it.service.inFlight > 0) await new Promise(setImmediate)
    assert.equal((await it.client.dispatch('Person', command)).status, 'Accepted')
  })

  test('that stops answers what has come, and takes nothing more', async () => {
    const gate = gated()
    await using it = await open({}, { application: gate.application })
    const last = it.client.dispatch('Person', createAda)
    await gate.untilBegun(1)
    const stopping = it.service.stop()
    await connection.flush()
    await errorOf(it.client.dispatch('Person', createAda), 'service-unreachable')
    gate.open()
    assert.equal((await last).status, 'Accepted')
    await stopping
    await it.service.stop()
    await Promise.all([it.service.start(), it.service.start()])
    assert.equal((await it.client.dispatch('Person', createAda)).status, 'Accepted')
    const again = it.service.start()
    await it.service.stop()
    await again
    await errorOf(it.client.dispatch('Person', createAda), 'service-unreachable')
  })

  test('is shared by all processes of its queue group: each command is executed once', async () => {
    const eventStore = new MemoryEventStore()
    const counts = [0, 0]
    const counting = (index: 0 | 1) => ({ eventStore, authorize: () => void counts[index]!++ })
    await using one = await open({}, { application: counting(0) })
    await using other = await open({ subjectPrefix: one.subjectPrefix }, { application: counting(1) })
    const commands = Array.from({ length: 100 }, () => one.client.dispatch('Person', createAda))
    for (const { status, version } of await Promise.all(commands)) assert.deepEqual([status, version], ['Accepted', 1])
    assert.equal(await eventStore.headPosition(), 100)
    assert.ok(counts.every((count) => count > 0) && counts[0]! + counts[1]! === 100, String(counts))
    assert.deepEqual([...one.faults, ...other.faults], [])
  })
})

describe('who sends a command over NATS', () => {
  const aggregateId = 'ada' as EntityId
  const claimed = { ...createAda, aggregateId, userId: 'claimed', sessionId: 's-1' }

  test('is who the message says, when nobody is asked', async () => {
    await using it = await open()
    await it.client.dispatch('Person', claimed)
    const [stored] = await it.application.eventStore.loadEvents({ aggregateType: 'Person', aggregateId })
    assert.deepEqual([stored?.metadata.userId, stored?.metadata.sessionId], ['claimed', 's-1'])
  })

  test('is whom the service authenticates, and nobody else', async () => {
    const authorize: ApplicationOptions['authorize'] = ({ commandType }, principal) => {
      const { isGuest } = principal as { isGuest: boolean }
      if (isGuest) throw new ForbiddenError(`Guests may not ${commandType}.`)
    }
    const authenticate: NatsServiceOptions['authenticate'] = ({ headers: { 'X-Key': key } }) =>
      key === undefined ? undefined : { userId: key, isGuest: key === 'guest' }
    await using it = await open({ authenticate }, { application: { authorize } })
    await errorOf(it.client.dispatch('Person', claimed), 'unauthenticated')
    await errorOf(it.client.query({ queryType: 'GetPersonById', parameters: { id: 'ada' } }), 'unauthenticated')
    await errorOf(it.client.dispatch('Person', claimed, { headers: { 'X-Key': 'guest' } }), 'forbidden')
    await it.client.dispatch('Person', claimed, { headers: { 'X-Key': 'hr' } })
    const [stored] = await it.application.eventStore.loadEvents({ aggregateType: 'Person', aggregateId })
    assert.deepEqual([stored?.metadata.userId, stored?.metadata.sessionId], ['hr', undefined])
  })
})

describe('the subjects of a service over NATS', () => {
  test('may be taken by no stream, at the start and for those who ask', async () => {
    const { streams } = await jetstreamManager(connection)
    await using it = await open({ subjectPrefix: 'caught' })
    await streams.add({ name: 'GREEDY', subjects: ['caught.*.Person.>'] })
    const application = it.application
    const service = new NatsService({ connection, application, subjectPrefix: 'caught' })
    assert.match(
      (await errorOf(service.start(), 'subject-captured')).message,
      /The stream GREEDY takes caught\.commands\.Person\.\*/,
    )
    await it.service.stop()
    const error = await errorOf(it.client.dispatch('Person', createAda), 'subject-captured')
    assert.match(error.message, /GREEDY takes caught\.commands\.Person\.CreatePerson/)
    await streams.delete('GREEDY')
    await service.start()
    await service.stop()
  })

  test('need no JetStream', async () => {
    const plain = await connectAs('plain')
    await using it = await open({ connection: plain })
    assert.equal((await it.client.dispatch('Person', createAda)).status, 'Accepted')
    await it.service.stop()
    await plain.close()
  })

  test('must be allowed to the service by the server', async () => {
    const mute = await connectAs('mute')
    assert.match(
      (await errorOf(open({ connection: mute }), 'forbidden')).message,
      /does not let this user listen on test-\d+\.commands\.Person\.\*/,
    )
    await mute.close()
  })
})

describe('a client over NATS', () => {
  test('learns that nobody listens, or that no answer came, and under which id to send again', async () => {
    const client = new NatsClient({ connection, subjectPrefix: 'nobody', timeoutMs: 50 })
    assert.match(
      (await errorOf(client.dispatch('Person', createAda), 'service-unreachable')).message,
      /Nobody answers on nobody\.commands/,
    )
    const silent = connection.subscribe('nobody.>', { callback: () => undefined })
    const error = await errorOf(client.dispatch('Person', createAda), 'service-timeout')
    const { commandId } = error as unknown as { readonly commandId: string }
    assert.match(commandId, /^[0-9a-f-]{36}$/)
    assert.ok(error.message.includes(commandId))
    silent.unsubscribe()
  })

  test('takes nothing for an acknowledgment that is none', async () => {
    const client = new NatsClient({ connection, subjectPrefix: 'odd' })
    for (const text of ['', 'ok', 'null', '{"status":"Done"}']) {
      const odd = connection.subscribe('odd.>', { callback: (_, message) => void message.respond(text) })
      await errorOf(client.dispatch('Person', createAda), 'validation')
      odd.unsubscribe()
    }
  })

  test('and a service refuse options that they do not know', async () => {
    await using application = await startPeople()
    for (const wrong of [{ colour: 1 }, { form: 'xml' }, { timeoutMs: 0 }, { subjectPrefix: '>' }]) {
      assert.throws(() => new NatsClient({ connection, ...(wrong as object) }), { code: 'invalid-option' })
      assert.throws(() => new NatsService({ connection, application, ...(wrong as object) }), {
        code: 'invalid-option',
      })
    }
  })
})
