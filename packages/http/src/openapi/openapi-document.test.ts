import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Application, defineAggregate, defineQuery, event, MemoryEventStore, MemoryViewStore } from '@cim/core'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { z } from 'zod'
import { memberOf, post, processor, serveWithDeadLetters } from '../routes/admin/admin-fixture.test.ts'
import { serveWithSagas } from '../routes/admin/saga-fixture.test.ts'
import type { Answer } from '../test-support/answer.ts'
import { serve, startApplication } from '../test-support/fixture.ts'
import { openApiDocument } from './openapi-document.ts'

const info = { title: 'People', version: '1.0.0', isProtected: false }

async function problemsOf(document: object): Promise<unknown> {
  const { valid, errors } = await new Validator().validate(structuredClone(document) as Record<string, unknown>)
  return valid ? undefined : errors
}

/** Compiles a schema that stands in a document, so that every reference must lead somewhere. */
function schemasIn(document: object): Ajv2020 {
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  ajv.addSchema(document, 'document')
  return ajv
}

test('the document is valid OpenAPI 3.1', async () => {
  await using service = await serve({ title: 'People', version: '1.2.3' })
  const { status, headers, json } = await service.send('/openapi.json')
  assert.equal(status, 200)
  assert.equal(headers.get('content-type'), 'application/json')
  assert.equal(await problemsOf(json), undefined)
  assert.deepEqual(json.info, { title: 'People', version: '1.2.3' })
  assert.equal(json.security, undefined)
})

test('with a token it says so, and which paths are open', async () => {
  const { application } = await startApplication()
  const document = openApiDocument(application, { ...info, isProtected: true })
  assert.equal(await problemsOf(document), undefined)
  assert.deepEqual(document.security, [{ bearer: [] }])
  const { paths } = document as { paths: Record<string, { get: { security?: unknown } }> }
  assert.deepEqual(paths['/healthz']?.get.security, [])
  assert.equal(paths['/events']?.get.security, undefined)
})

test('an application with nothing in it has a valid document too', async () => {
  const stores = { eventStore: new MemoryEventStore(), viewStore: new MemoryViewStore() }
  assert.equal(await problemsOf(openApiDocument(new Application({ ...stores, aggregates: [] }), info)), undefined)
})

test('every command has a path whose schema accepts what the service accepts', async () => {
  await using service = await serve()
  const { json: document } = await service.send('/openapi.json')
  const ajv = schemasIn(document)
  const body = '/requestBody/content/application~1json/schema'
  const accepts = (commandType: string, value: unknown): boolean =>
    ajv.getSchema(`document#/paths/~1commands~1${commandType}/post${body}`)?.(value) === true
  for (const [commandType, value] of [
    ['CreatePerson', { data: { legalName: 'Ada' } }],
    ['CreatePerson', { data: { legalName: '' } }],
    ['CreatePerson', { data: {} }],
    ['CreatePerson', { data: { legalName: 'Ada', nick: 'A' } }],
    ['CreatePerson', { legalName: 'Ada' }],
    ['CreatePerson', { aggregateId: '', data: { legalName: 'Ada' } }],
    ['ChangeEmail', { aggregateId: 'a', data: { newEmail: 1 } }],
    ['TakeNote', { data: { note: [null, { deep: true }] } }],
  ] as const) {
    const { status } = await service.command(commandType, value)
    assert.equal(accepts(commandType, value), status === 200, JSON.stringify(value))
  }
})

test('what the service answers fits the schemas that the document gives for it', async () => {
  await using service = await serve()
  await service.createPerson('ada')
  await service.command('ChangeEmail', { aggregateId: 'ada', data: { newEmail: 'ada@example.org' } })
  const { json: document } = await service.send('/openapi.json')
  const ajv = schemasIn(document)
  const person = { aggregateId: 'ada', data: { legalName: 'Ada' } }
  const queued = await service.command('CreatePerson', person, { Prefer: 'respond-async', 'Idempotency-Key': 'c-1' })
  assert.equal(queued.status, 202)
  assertFits(ajv, 'post', '/commands/CreatePerson', queued)
  for (const path of ['/commands/c-1', '/commands/c-1?wait=15000', '/commands/c-2', '/commands/c-1?wait=x']) {
    assertFits(ajv, 'get', '/commands/{commandId}', await service.send(path))
  }
  const examples: readonly (readonly [path: string, answer: ReturnType<typeof service.send>])[] = [
    ['/commands/CreatePerson', service.command('CreatePerson', { data: { legalName: 'Grace' } })],
    ['/commands/CreatePerson', service.command('CreatePerson', person)],
    ['/commands/CreatePerson', service.command('CreatePerson', { data: 1 })],
    ['/commands/CreatePerson', service.command('CreatePerson', person, { 'If-Match': '"9"' })],
    ['/commands/CreatePerson', service.command('CreatePerson', person, { 'content-type': 'text/plain' })],
    ['/queries/GetPersonById', service.send('/queries/GetPersonById?id=ada&after=2')],
    ['/queries/GetPersonById', service.send('/queries/GetPersonById?id=nobody')],
    ['/queries/GetPersonById', service.send('/queries/GetPersonById')],
    ['/queries/FindPersonsByEmail', service.send('/queries/FindPersonsByEmail?email=ada@example.org&after=2')],
    ['/aggregates/{aggregateType}/{aggregateId}', service.send('/aggregates/Person/ada?version=1')],
    ['/aggregates/{aggregateType}/{aggregateId}', service.send('/aggregates/Person/nobody')],
    ['/aggregates/{aggregateType}/{aggregateId}/events', service.send('/aggregates/Person/ada/events?limit=1')],
    ['/events', service.send('/events')],
    ['/events', service.send('/events?limit=x')],
    ['/', service.send('/')],
    ['/healthz', service.send('/healthz')],
    ['/readyz', service.send('/readyz')],
  ]
  for (const [path, answering] of examples) {
    assertFits(ajv, path.startsWith('/commands') ? 'post' : 'get', path, await answering)
  }
})

test('what the administration answers fits the schemas that the document gives for it', async () => {
  await using service = await serveWithDeadLetters()
  const { json: document } = await service.send('/openapi.json')
  const ajv = schemasIn(document)
  const processorPath = '/admin/processors/{processor}'
  const letters = '/admin/dead-letters'
  const sequence = `${letters}/{processor}/{aggregateType}/{aggregateId}`
  const named = (path: string) =>
    path.replace('{processor}', processor).replace('{aggregateType}/{aggregateId}', 'Person/ada')
  for (const path of ['/admin/processors', processorPath, letters, sequence, '/readyz']) {
    assertFits(ajv, 'get', path, await service.send(named(path)))
  }
  const discard = { filter: {}, reason: 'No use.' }
  for (const [path, body, status] of [
    [`${processorPath}/pause`, {}, 200],
    [`${processorPath}/resume`, {}, 200],
    [`${processorPath}/audit`, {}, 200],
    [`${processorPath}/audit`, { fast: true }, 400],
    [`${letters}/{processor}/retry`, { dryRun: true }, 200],
    [`${letters}/{processor}/retry`, { filter: { nick: 'a' } }, 400],
    [`${letters}/{processor}/discard`, { ...discard, dryRun: true }, 200],
    [`${letters}/{processor}/discard`, { reason: 'No use.' }, 400],
    [`${sequence}/retry`, { dryRun: true }, 200],
    [`${sequence}/discard`, { reason: '' }, 400],
    [`${sequence}/discard`, { reason: 'No use.', firstOnly: true, dryRun: true }, 200],
    [`${letters}/{processor}/discard`, discard, 200],
  ] as const) {
    const answer = await post(service, named(path), body)
    assert.equal(answer.status, status, path)
    assertFits(ajv, 'post', path, answer)
    const place = `document#/paths/${inPointer(path)}/post/requestBody/content/application~1json/schema`
    assert.equal(ajv.getSchema(place)?.(body), status === 200, `${path} ${JSON.stringify(body)}`)
  }
  const discarded = await service.send(`${letters}/${processor}/discarded`)
  assert.equal(memberOf<readonly unknown[]>(discarded, 'discarded').length, 2)
  assertFits(ajv, 'get', `${letters}/{processor}/discarded`, discarded)
  assertFits(ajv, 'get', processorPath, await service.send('/admin/processors/Nope'))
})

test('what it answers about sagas fits the schemas that the document gives for it', async () => {
  await using service = await serveWithSagas()
  const { json: document } = await service.send('/openapi.json')
  const ajv = schemasIn(document)
  const instance = '/admin/sagas/{saga}/{sagaId}'
  for (const path of ['', '?limit=1', '?saga=Welcome&status=Stuck', '?status=Odd', '?saga=Nope']) {
    assertFits(ajv, 'get', '/admin/sagas', await service.send(`/admin/sagas${path}`))
  }
  for (const id of ['ada', 'grace', 'joan', 'nobody']) {
    assertFits(ajv, 'get', instance, await service.send(`/admin/sagas/Welcome/${id}`))
  }
  for (const [verb, body, status] of [
    ['retry', {}, 200],
    ['retry', { fast: true }, 400],
    ['cancel', {}, 400],
    ['cancel', { reason: 'Hopeless.' }, 200],
    ['cancel', { reason: 'Hopeless.' }, 422],
  ] as const) {
    const answer = await post(service, `/admin/sagas/Welcome/grace/${verb}`, body)
    assert.equal(answer.status, status, verb)
    assertFits(ajv, 'post', `${instance}/${verb}`, answer)
    const place = `document#/paths/${inPointer(`${instance}/${verb}`)}/post/requestBody/content/application~1json/schema`
    assert.equal(ajv.getSchema(place)?.(body), status !== 400, `${verb} ${JSON.stringify(body)}`)
  }
})

function inPointer(path: string): string {
  return path.replaceAll('/', '~1').replaceAll('{', '%7B').replaceAll('}', '%7D')
}

function assertFits(ajv: Ajv2020, method: string, path: string, { status, headers, json }: Answer): void {
  const type = (headers.get('content-type') ?? '').replaceAll('/', '~1')
  const place = `document#/paths/${inPointer(path)}/${method}`
  const validate = ajv.getSchema(`${place}/responses/${status}/content/${type}/schema`)
  assert.ok(validate, `${method} ${path} says nothing about ${status} ${type}`)
  assert.ok(validate(json), `${path} ${status}: ${JSON.stringify(validate.errors)}`)
}

test('a schema that refers to its own parts still does where it stands in the document', async () => {
  interface Tree {
    readonly name: string
    readonly children: readonly Tree[]
  }
  const tree: z.ZodType<Tree, unknown> = z.object({
    name: z.string(),
    get children() {
      return z.array(tree)
    },
  })
  const forest = defineAggregate('Forest', {
    events: { TreePlanted: z.object({ tree }) },
    commands: { PlantTree: z.object({ tree }) },
    initialState: {},
    decide: { PlantTree: (_, { data }) => [event('TreePlanted', data)] },
    apply: { TreePlanted: (state) => state },
  })
  const query = defineQuery('FindTree', {
    parameters: z.object({ name: z.string(), below: tree.optional() }),
    result: tree,
    handle: async () => undefined,
  })
  const stores = { eventStore: new MemoryEventStore(), viewStore: new MemoryViewStore() }
  const application = new Application({ ...stores, aggregates: [forest], queries: [query] })
  const document = openApiDocument(application, info)
  assert.equal(await problemsOf(document), undefined)
  const ajv = schemasIn(document)
  const command = ajv.getSchema('document#/components/schemas/command.PlantTree')
  assert.equal(command?.({ tree: { name: 'a', children: [{ name: 'b', children: [] }] } }), true)
  assert.equal(command?.({ tree: { name: 'a', children: [{ name: 1, children: [] }] } }), false)
  const below = ajv.getSchema('document#/paths/~1queries~1FindTree/get/parameters/1/schema')
  assert.equal(below?.({ name: 'a', children: [{ name: 'b', children: [] }] }), true)
  assert.equal(below?.({ name: 'a', children: [{ name: 1, children: [] }] }), false)
})
