/** Values that nobody sends by accident. */

import { type Draw, either, pick, whole } from './draw.ts'

/** Names that every JavaScript object has, and some that it must not get. */
export const dangerousNames = [
  ...['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', '__defineGetter__', 'then'],
  ...['toJSON', 'length', '', '$ref', 'a/b~c', '\u0000'],
]

const pieces = [
  ...[
    'a',
    'Ada',
    ' ',
    '\t',
    '\n',
    '\r\n',
    '\u0000',
    '\u001f',
    '\u007f',
    '\u0085',
    '\u2028',
    '\ufeff',
    '\u202e',
    '\u200b',
  ],
  ...[
    '\u00e9',
    'e\u0301',
    '\u{1f600}',
    '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}',
    '\ud800',
    '\udfff',
    '\ufffd',
    '\uffff',
    '\u560a\u560d',
  ],
  ...[
    '/',
    '\\',
    '..',
    '.',
    '%',
    '%00',
    '%2e%2e%2f',
    '%25',
    '%ff',
    '?',
    '#',
    '&',
    '=',
    ';',
    '+',
    ':',
    '@',
    '*',
    '>',
    '|',
  ],
  ...['"', "'", '`', '<script>', '#{1}', '{{1}}', '; DROP TABLE events; --', '$(id)', '\u0130', '\u00df', '\u1e9e'],
  ...['-1', '0', '1e999', 'NaN', 'null', 'undefined', 'true', '9007199254740993', '0x10', '1970-01-01', 'events.>'],
]

/** @returns a string of any kind, mostly short */
export function anyString(draw: Draw): string {
  return either<string>(draw, [
    [6, () => Array.from({ length: whole(draw, 0, 5) }, () => pick(draw, pieces)).join('')],
    [2, () => pick(draw, dangerousNames)],
    [1, () => pick(draw, pieces).repeat(pick(draw, [100, 199, 200, 201, 300, 1000]))],
    [1, () => String.fromCharCode(...Array.from({ length: whole(draw, 1, 8) }, () => whole(draw, 0, 0xffff)))],
  ])
}

const numbers = [
  ...[
    0,
    -0,
    1,
    -1,
    0.5,
    2 ** 31,
    2 ** 32,
    2 ** 53 - 1,
    2 ** 53,
    -(2 ** 53),
    1e21,
    1e308,
    5e-324,
    1000,
    1001,
    30_000,
    30_001,
  ],
]

/** @returns any JSON value, not deeper than a few levels */
export function anyJson(draw: Draw, depth = 0): unknown {
  return either<unknown>(draw, [
    [3, () => anyString(draw)],
    [2, () => pick(draw, numbers)],
    [1, () => pick(draw, [null, true, false])],
    [depth > 3 ? 0 : 2, () => Array.from({ length: whole(draw, 0, 3) }, () => anyJson(draw, depth + 1))],
    [depth > 3 ? 0 : 2, () => anyObject(draw, () => anyJson(draw, depth + 1))],
  ])
}

/** Makes own properties even of `__proto__`. */
function anyObject(draw: Draw, value: () => unknown): object {
  return Object.fromEntries(
    Array.from({ length: whole(draw, 0, 3) }, () => [
      pick(draw, [...dangerousNames, 'data', 'aggregateId', 'reason', 'legalName']),
      value(),
    ]),
  )
}

/** @returns the value with one thing changed that a schema would hardly allow */
export function spoil(draw: Draw, value: unknown): unknown {
  if (Array.isArray(value) && value.length > 0 && whole(draw, 0, 2) > 0) {
    const at = whole(draw, 0, value.length - 1)
    return value.with(at, spoil(draw, value[at]))
  }
  if (typeof value !== 'object' || value === null || whole(draw, 0, 9) === 0) return spoilSingle(draw, value)
  const entries = Object.entries(value)
  const at = whole(draw, 0, Math.max(0, entries.length - 1))
  const changed = entries[at]
  return either<unknown>(draw, [
    [1, () => Object.fromEntries(entries.toSpliced(at, 1))],
    [2, () => Object.fromEntries([...entries, [pick(draw, dangerousNames), anyJson(draw)]])],
    [
      3,
      () => (changed === undefined ? {} : Object.fromEntries(entries.with(at, [changed[0], spoil(draw, changed[1])]))),
    ],
  ])
}

function spoilSingle(draw: Draw, value: unknown): unknown {
  return either<unknown>(draw, [
    [2, () => (typeof value === 'string' ? value + anyString(draw) : anyJson(draw))],
    [1, () => (typeof value === 'string' ? value.repeat(pick(draw, [0, 2, 100, 500])) : [value])],
    [1, () => [value]],
    [1, () => null],
    [2, () => anyJson(draw)],
  ])
}

/** @returns a JSON text for a value, or something that only looks like one */
export function jsonText(draw: Draw, value: unknown): string {
  const text = JSON.stringify(value)
  const at = (): number => whole(draw, 0, text.length)
  return either<string>(draw, [
    [20, () => text],
    [1, () => text.slice(0, at())],
    [1, () => text + pick(draw, pieces)],
    [1, () => `${text.slice(0, at())}${pick(draw, pieces)}${text.slice(at())}`],
    [1, () => text.replace('{', `{${JSON.stringify(pick(draw, dangerousNames))}:{"polluted":true},`)],
    [1, () => text.replace(/("\w+":[^,{}]*)/, '$1,$1')],
    [
      1,
      () =>
        text.replace(/\d+|"[^"]*"(?=[,}])/, pick(draw, ['1e999', '-1E+999', '1'.repeat(400), '-0', 'NaN', '01', '1.'])),
    ],
    [1, () => text.replace(/"(?=[,}])/, pick(draw, ['\\ud800"', '\\u0000"', '\\x"', '\u0000"', '\n"', '']))],
    [1, () => nested(pick(draw, [50, 100, 101, 102, 5000, 200_000]), pick(draw, ['[', '{"data":']))],
    [
      1,
      () => pick(draw, ['', ' ', 'null', '[]', '{}', '"', '{', '\ufeff{}', '/**/{}', "{'a':1}", '{"data":undefined}']),
    ],
  ])
}

function nested(depth: number, opening: string): string {
  const closing = opening === '[' ? ']' : '}'
  return `{"data":${opening.repeat(depth)}1${closing.repeat(depth)}}`
}

/** @returns bytes of a text; now and then not quite UTF-8 */
export function anyBytes(draw: Draw, text: string): Buffer {
  const bytes = Buffer.from(text)
  return either<Buffer>(draw, [
    [30, () => bytes],
    [1, () => Buffer.concat([bytes, Buffer.from([0xff])])],
    [1, () => Buffer.from(text, 'utf16le')],
    [1, () => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes])],
    [1, () => Buffer.from(bytes.map((byte) => (whole(draw, 0, 50) === 0 ? 0xc0 : byte)))],
  ])
}
