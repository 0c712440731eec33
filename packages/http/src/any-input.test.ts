import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHttpApi } from './index.ts'
import { startApplication } from './test-support/fixture.ts'

/** Small, fast and the same every time: mulberry32. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
const random = createRandom(seed)
const pick = <TItem>(items: readonly TItem[]): TItem => items[Math.floor(random() * items.length)] as TItem
const several = (most: number, make: () => string): string =>
  Array.from({ length: Math.floor(random() * (most + 1)) }, make).join('')

const pieces = [
  ...['{', '}', '[', ']', ':', ',', '"', '\\', '\\u', '\\ud800', 'null', 'true', '-0', '1e999', '9007199254740993'],
  ...['"data"', '"aggregateId"', '"__proto__"', '"constructor"', '"legalName"', '"newEmail"', '"toString"'],
  ...['\u{1f600}', '\ud800', '\u0000', '\n', '\u2028', ' ', 'Ada', 'ada@example.org', '\ufeff'],
]

function anyJson(depth: number): unknown {
  const kind = random() * (depth > 3 ? 4 : 6)
  if (kind < 1) return pick(['', 'Ada', '__proto__', '\u0000', '\ud800', 'x'.repeat(300), 'ada@example.org'])
  if (kind < 2) return pick([0, -1, 1.5, 1e308, Number.MAX_SAFE_INTEGER, null, true, false])
  if (kind < 4) return pick([[], {}, [null], { data: {} }])
  const names = [
    'data',
    'aggregateId',
    'legalName',
    'newEmail',
    'note',
    '__proto__',
    'constructor',
    '',
    'a/b~c',
    '$ref',
  ]
  const size = Math.floor(random() * 4)
  if (kind < 5) return Array.from({ length: size }, () => anyJson(depth + 1))
  return Object.fromEntries(Array.from({ length: size }, () => [pick(names), anyJson(depth + 1)]))
}

const posts = [
  ...['CreatePerson', 'ChangeEmail', 'TakeNote'].map((commandType) => () => `/commands/${commandType}`),
  () => `/admin/dead-letters/PersonView@1/${pick(['retry', 'discard'])}`,
  () => `/admin/dead-letters/${pick(['PersonView@1', anyText()])}/Person/${anyText()}/${pick(['retry', 'discard'])}`,
  () => `/admin/processors/${pick(['PersonView%401', anyText()])}/${pick(['pause', 'resume', 'audit'])}`,
]

/** Often the right shape, so that what is inside is looked at too. */
const anyBody = (): unknown => (random() < 0.5 ? { data: { note: anyJson(0) } } : anyJson(0))

const encodings = ['%', '%2', '%00', '%2F', '%2e%2e', '%FF', '%C3%A9', '%25', '+', '&', '=', '#', '?', '/', '..', '.']
const anyText = (): string => several(6, () => pick([...encodings, 'Person', 'ada', '1', '-1', 'x'.repeat(250), 'é']))
const parameters = [
  'after',
  'wait',
  'limit',
  'from',
  'before',
  'subject',
  'version',
  'position',
  'at',
  'id',
  'email',
  'processor',
  'state',
  '',
]

function anyPath(): string {
  const base = pick([
    ...['/events', '/aggregates/Person/ada', '/aggregates/Person/ada/events', `/aggregates/Person/${anyText()}`],
    ...['/queries/GetPersonById', '/queries/FindPersonsByEmail', `/queries/${anyText()}`, `/${anyText()}`],
    ...['/admin/dead-letters', '/admin/dead-letters/PersonView@1/discarded', `/admin/processors/${anyText()}`],
    ...[`/admin/dead-letters/${anyText()}/Person/${anyText()}`],
    ...[`/commands/${anyText()}`, `/aggregates/${anyText()}/${anyText()}`, `/problems/${anyText()}`],
  ])
  const values = (): string => pick([anyText(), '0', '1', '2', '2026-01-01', 'events.>', '9'.repeat(20), 'NaN'])
  return `${base}?${several(4, () => `${pick(parameters)}=${values()}&`)}`
}

function anyHeaders(): Record<string, string> {
  const values = [
    '',
    '"1"',
    'W/"1"',
    '"0"',
    '*',
    '1',
    'a"b',
    '\u00e9',
    'x'.repeat(300),
    '"\\"',
    '__proto__',
    'application/json',
  ]
  const names = ['if-match', 'idempotency-key', 'x-correlation-id', 'last-event-id', 'content-type', 'accept', 'origin']
  const chosen = names.filter(() => random() < 0.15).map((name) => [name, pick(values)] as const)
  return Object.fromEntries([['content-type', 'application/json'], ...chosen])
}

test(`no input whatsoever is a fault of the service (SEED=${seed})`, async () => {
  const { application } = await startApplication()
  const faults: unknown[] = []
  const api = createHttpApi({ application, onError: (error) => faults.push(error) })
  for (const aggregateId of ['ada', 'grace', 'joan']) {
    await api.request('/commands/CreatePerson', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ aggregateId, data: { legalName: aggregateId } }),
    })
  }
  for (let run = 0; run < 1500; run++) {
    const isCommand = random() < 0.5
    const path = isCommand ? pick(posts)() : anyPath()
    const body =
      random() < 0.3
        ? several(20, () => pick(pieces))
        : JSON.stringify(anyBody()).replaceAll('1e+308', pick(['1e308', '1e999', '-1E+999']))
    const init = isCommand ? { method: 'POST', headers: anyHeaders(), body } : { headers: anyHeaders() }
    const response = await api.request(path, init)
    const shown = JSON.stringify({ path, init })
    assert.ok(response.status < 500, `${response.status} ${shown}`)
    assert.deepEqual(faults, [], shown)
    if (response.status >= 400 && response.status !== 422) {
      assert.equal(response.headers.get('content-type'), 'application/problem+json', shown)
      assert.ok(((await response.json()) as { readonly code: string }).code, shown)
    } else await response.body?.cancel()
  }
  await application.stop()
})
