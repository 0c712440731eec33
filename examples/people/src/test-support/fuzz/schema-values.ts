/** Values that fit a schema, or nearly do. */

import { chance, type Draw, either, pick, whole } from './draw.ts'
import { anyString } from './hostile-values.ts'
import type { Names } from './known-names.ts'
import type { OpenApiDocument, Schema } from './openapi-document.ts'

/** What a value is made with. */
export interface Making {
  readonly draw: Draw
  readonly document: OpenApiDocument
  readonly names: Names
}

/**
 * @param schema what the value has to fit
 * @param name of the field or parameter
 */
export function valueFor(making: Making, schema: Schema, name: string): unknown {
  const { draw, document } = making
  const { type, anyOf, const: constant, enum: values, properties, items, ...rest } = document.resolve(schema)
  if (constant !== undefined) return constant
  if (values !== undefined) return pick(draw, values)
  if (anyOf !== undefined) return valueFor(making, pick(draw, anyOf), name)
  switch (type) {
    case 'object':
      return objectFor(making, properties ?? {}, rest.required ?? [])
    case 'array':
      return Array.from({ length: whole(draw, 0, 3) }, () => valueFor(making, items ?? {}, name))
    case 'integer':
    case 'number':
      return numberFor(draw, rest)
    case 'boolean':
      return pick(draw, [true, false])
    default:
      return stringFor(making, rest, name)
  }
}

function objectFor(making: Making, properties: Readonly<Record<string, Schema>>, required: readonly string[]): object {
  return Object.fromEntries(
    Object.entries(properties)
      .filter(([name]) => required.includes(name) || chance(making.draw, 40))
      .map(([name, schema]) => [name, valueFor(making, schema, name)]),
  )
}

/** Mostly at a boundary or just past it. */
function numberFor(draw: Draw, { minimum = 0, maximum = 1000 }: Schema): number {
  return either<number>(draw, [
    [6, () => whole(draw, minimum, Math.min(maximum, minimum + 20))],
    [2, () => pick(draw, [minimum, maximum])],
    [1, () => pick(draw, [minimum - 1, maximum + 1, minimum + 0.5])],
  ])
}

const dates = [
  '2020-02-29',
  '1970-01-01',
  '2019-02-29',
  '0000-01-01',
  '9999-12-31',
  '2020-13-01',
  '+2020-01-01',
  '2030-06-15',
]
const letters = [
  'a',
  'Z',
  '0',
  ' ',
  '-',
  '.',
  "'",
  '\u00e9',
  '\u{1f600}',
  '\u4e2d',
  '\u0301',
  '\u202e',
  '<',
  '"',
  '\\',
  '/',
]

/** What the schema does not say of a string. */
const forms: Readonly<Record<string, (draw: Draw) => string>> = {
  // The name of a reaction.
  confirm: () => 'HRNotifier',
  subject: (draw) =>
    ['events', 'Person', '*', '>', 'PersonCreated', anyString(draw)].slice(0, whole(draw, 1, 6)).join('.'),
  quietFor: (draw) => pick(draw, ['P1D', 'PT0S', 'P999999W', '999999999', 'P', 'PT', 'P1Y', '-P1D', 'P1DT']),
  cursor: (draw) => {
    const place = pick(draw, [[anyString(draw), anyString(draw)], [anyString(draw)], [null, 1], anyString(draw)])
    return Buffer.from(JSON.stringify(place)).toString('base64url')
  },
  // Of the pages under /admin.
  after: (draw) =>
    pick(draw, [
      'PersonView@1:0',
      'PersonView@1:999999999999999',
      `HiringProcess:Running:${anyString(draw)}:${anyString(draw)}`,
      'HiringProcess:Completed:2020-01-01T00:00:00.000Z:person-0-1',
      'HiringProcess:__proto__:0:0',
    ]),
}

function stringFor({ draw, names }: Making, { format, minLength = 0, maxLength = 40 }: Schema, name: string): string {
  if (format === 'date')
    return chance(draw, 70)
      ? `${whole(draw, 1900, 2026)}-0${whole(draw, 1, 9)}-1${whole(draw, 0, 9)}`
      : pick(draw, dates)
  if (format === 'date-time')
    return pick(draw, ['2020-01-01T00:00:00Z', '2020-01-01', '9999-12-31T23:59:59.999Z', '1969-12-31T24:00:00-12:00'])
  if (format === 'email') return `${'x'.repeat(pick(draw, [1, 5, 64, 241, 242]))}${whole(draw, 0, 9)}@example.org`
  const form = forms[name]
  if (form !== undefined && chance(draw, 70)) return form(draw)
  if (/id$/i.test(name) && chance(draw, 85)) return names.aggregateId(draw, name)
  return either<string>(draw, [
    [6, () => Array.from({ length: whole(draw, Math.max(1, minLength), 12) }, () => pick(draw, letters)).join('')],
    [1, () => 'x'.repeat(minLength)],
    [1, () => 'x'.repeat(maxLength)],
    [1, () => 'x'.repeat(maxLength + 1)],
    [2, () => anyString(draw)],
  ])
}
