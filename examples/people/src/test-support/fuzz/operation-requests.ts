/** Requests for the operations that the service describes. */

import { chance, type Draw, either, pick, whole } from './draw.ts'
import type { FuzzRequest } from './fuzz-request.ts'
import { anyBytes, anyJson, anyString, dangerousNames, jsonText, spoil } from './hostile-values.ts'
import type { Operation, Parameter } from './openapi-document.ts'
import { type Making, valueFor } from './schema-values.ts'

/** Steers the whole service: the more often it is done, the less is tested of everything else. */
const steering =
  /\/(pause|rebuild|rollback|promote|drop|compare|audit)$|^\/admin\/dead-letters\/\{processor\}\/(retry|discard)$/

/** @returns a request for an operation of the document, with a token when there is one */
export function operationRequest(making: Making, token: string | undefined): FuzzRequest {
  const { draw } = making
  const operation = anyOperation(making)
  const method = chance(draw, 3)
    ? pick(draw, ['HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'QUERY', 'PROPFIND'])
    : operation.method
  const body = operation.body === undefined ? undefined : bodyFor(making, operation)
  const headers = [...authorization(draw, token), ...headersFor(making, operation), ...strayHeaders(draw)]
  return { method, target: targetFor(making, operation), headers, body }
}

/** What creates something is asked for more often than its share: most else needs it. */
function anyOperation({ draw, document: { operations } }: Making): Operation {
  const creating = operations.filter(({ path }) => /^\/commands\/(Create|Start|Change)/.test(path))
  return chance(draw, 25) ? pick(draw, creating) : pick(draw, operations)
}

function targetFor(making: Making, operation: Operation): string {
  const { draw } = making
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => inPath(making, operation, name))
  const parameters = operation.parameters
    .filter((each) => each.in === 'query' && (each.required === true ? !chance(draw, 4) : chance(draw, 25)))
    .flatMap((each) => queryValues(making, each).map((value) => `${each.name}=${encoded(draw, value)}`))
  if (chance(draw, 4))
    parameters.push(`${encodeURIComponent(pick(draw, dangerousNames))}=${encoded(draw, anyString(draw))}`)
  return parameters.length === 0 ? path : `${path}?${bounded(parameters).join('&')}`
}

/** Nobody shall wait for what never comes: a position far away is not waited for. */
function bounded(parameters: readonly string[]): readonly string[] {
  const isFar = parameters.some((parameter) => /^after=\d{3,}$/.test(parameter))
  return isFar ? [...parameters.filter((each) => !each.startsWith('wait=')), 'wait=5'] : parameters
}

function inPath(making: Making, { path }: Operation, name: string): string {
  const { draw, names } = making
  const known = names.inPath(draw, name)
  if (known !== undefined && chance(draw, steering.test(path) ? 15 : 70)) return encodeURIComponent(known)
  return encoded(draw, anyString(draw)) || 'x'
}

function queryValues(making: Making, { name, schema }: Parameter): readonly string[] {
  const { draw } = making
  if (name === 'asOf' && chance(draw, 80)) return [pick(draw, ['0', '1', '7', '2020-01-01', '2020-01-01T00:00:00Z'])]
  const value = chance(draw, 88) ? valueFor(making, schema, name) : spoil(draw, valueFor(making, schema, name))
  const values = Array.isArray(value) ? value : [value]
  const texts = values.map((each) => (typeof each === 'string' ? each : JSON.stringify(each)))
  return chance(draw, 3) ? [...texts, ...texts] : texts
}

/** Mostly as it should be; sometimes each byte, and sometimes as it stands where the first line allows it. */
function encoded(draw: Draw, text: string): string {
  const whole8 = [...Buffer.from(text)]
  return either<string>(draw, [
    [12, () => encodeURIComponent(text.toWellFormed())],
    [1, () => whole8.map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')],
    [1, () => text.replaceAll(/[^!-~]|[#?&]/g, '') || 'x'],
    [
      1,
      () =>
        encodeURIComponent(text.toWellFormed()) +
        pick(draw, ['%', '%zz', '%ff', '%c0%af', '%ed%a0%80', '%00', '%0d%0aX-Injected:%201']),
    ],
  ])
}

function bodyFor(making: Making, operation: Operation): Buffer {
  const { draw, names } = making
  const steer = (value: unknown): unknown =>
    operation.path.startsWith('/commands/') && chance(draw, 80)
      ? { ...(value as object), aggregateId: names.aggregateId(draw, operation.tags[0] ?? '') }
      : value
  const schema = operation.body ?? {}
  return either<Buffer>(draw, [
    [12, () => Buffer.from(JSON.stringify(steer(valueFor(making, schema, ''))))],
    [4, () => anyBytes(draw, jsonText(draw, spoil(draw, steer(valueFor(making, schema, '')))))],
    [1, () => anyBytes(draw, jsonText(draw, anyJson(draw)))],
    [1, () => anyBytes(draw, jsonText(draw, steer(valueFor(making, schema, ''))))],
  ])
}

function headersFor(making: Making, { parameters, body, path }: Operation): readonly (readonly [string, string])[] {
  const { draw, names } = making
  const type = chance(draw, 97)
    ? 'application/json'
    : pick(draw, ['text/plain', 'application/json; charset=latin1', 'APPLICATION/JSON;charset=UTF-8', '', '*/*'])
  const values: Readonly<Record<string, () => string>> = {
    'Idempotency-Key': () => (chance(draw, 80) ? names.commandId(draw) : headerValue(draw)),
    'If-Match': () => pick(draw, ['"0"', '"1"', '"2"', 'W/"1"', '*', '"9007199254740993"', '1', '"1", "2"', '"-1"']),
    'X-Correlation-ID': () => (chance(draw, 50) ? 'correlation' : headerValue(draw)),
    // A wait of whole seconds for what is paused would cost the run its time.
    Prefer: () =>
      pick(draw, [
        'respond-async',
        'respond-async, wait=0',
        'wait=x',
        'respond-async; a="b',
        ',,=',
        'WAIT=0',
        'respond-async=1',
      ]),
    'Last-Event-ID': () => pick(draw, ['0', '1', '', '-1', '9007199254740991', 'abc', '99999999999999999']),
  }
  const given = parameters
    .filter((each) => each.in === 'header' && chance(draw, path.startsWith('/commands/') ? 15 : 5))
    .map(({ name }) => [name, values[name]?.() ?? headerValue(draw)] as const)
  const stream = chance(draw, 2) ? [['Accept', 'text/event-stream'] as const] : []
  return [...(body === undefined ? [] : [['Content-Type', type] as const]), ...given, ...stream]
}

/** Of characters that may stand in a header at all. */
function headerValue(draw: Draw): string {
  const text = Buffer.from(anyString(draw)).toString('latin1')
  const value = text.replaceAll(/[^\t -~\x80-\xff]/g, '').slice(0, 1000)
  return chance(draw, 20) ? `"${value}"` : chance(draw, 10) ? `${value}%0d%0aX-Injected: 1` : value
}

function strayHeaders(draw: Draw): readonly (readonly [string, string])[] {
  if (!chance(draw, 8)) return []
  return [
    pick(draw, [
      ['Origin', 'https://evil.example'],
      ['Origin', 'null'],
      ['Host', 'evil.example'],
      ['Host', '127.0.0.1:99999'],
      ['Content-Encoding', 'gzip'],
      ['Expect', '100-continue'],
      ['Accept', 'text/html'],
      ['Cookie', '__proto__=1; constructor=2'],
      ['__proto__', 'polluted'],
      ['constructor', 'polluted'],
      ['X-HTTP-Method-Override', 'DELETE'],
      ['X-Forwarded-Host', 'evil.example'],
      ['X-Forwarded-For', '127.0.0.1'],
      ['Range', 'bytes=0-1'],
      ['Upgrade', 'websocket'],
      ['Connection', 'Upgrade, HTTP2-Settings'],
      ['X'.repeat(whole(draw, 1, 200)), headerValue(draw)],
    ] as const),
  ]
}

/** What a sender with a wrong token has as its secret: no answer may repeat it. */
export const wrongToken = 'wrong-secret-of-a-client'

function authorization(draw: Draw, token: string | undefined): readonly (readonly [string, string])[] {
  if (token === undefined) return chance(draw, 2) ? [['Authorization', `Bearer ${wrongToken}`]] : []
  if (!chance(draw, 6)) return [['Authorization', `Bearer ${token}`]]
  const wrong = pick(draw, [
    `Bearer ${wrongToken}`,
    `Basic ${wrongToken}`,
    `Bearer ${token} ${wrongToken}`,
    'Bearer',
    '',
  ])
  return chance(draw, 30) ? [] : [['Authorization', wrong]]
}
