/** Turns data into the JSON that stores keep, and refuses what JSON would silently change. */

/** Data that JSON carries unchanged, with its text. */
export interface EncodedJson {
  readonly text: string
  /** A copy of the data: what parsing the text gives. */
  readonly value: unknown
}

/**
 * @param data any value
 * @returns its JSON text and what reading the text back gives. Properties that are undefined are left out.
 * @throws {TypeError} at a value that JSON cannot carry (a date, a map, a function, BigInt, NaN …), with a JSON pointer
 */
export function encodeJson(data: unknown): EncodedJson {
  const value = copyJson(data, '', 0)
  return { text: JSON.stringify(value), value }
}

const maxDepth = 200

/** Copies while it checks: that costs half of reading the text back. */
function copyJson(value: unknown, pointer: string, depth: number): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      // JSON knows no negative zero.
      if (Number.isFinite(value)) return value === 0 ? 0 : value
      break
    case 'object':
      if (value === null) return null
      if (depth >= maxDepth) throw new TypeError(`it is nested more than ${maxDepth} levels deep`)
      if (Array.isArray(value)) {
        // Not `map`: it would pass over holes.
        return Array.from(value, (item, index) => copyJson(item, `${pointer}/${index}`, depth + 1))
      }
      if (isPlainObject(value)) return copyObject(value, pointer, depth)
      break
  }
  throw new TypeError(
    `${pointer === '' ? 'its data' : `its data at ${pointer}`} must be plain JSON, got ${describe(value)}`,
  )
}

function copyObject(value: Record<string, unknown>, pointer: string, depth: number): Record<string, unknown> {
  const copy = { ...value }
  for (const key of Object.keys(copy)) {
    const item = copy[key]
    if (typeof item === 'string' || typeof item === 'boolean') continue
    if (item === undefined) delete copy[key]
    // Defined, not assigned: a property may be called `__proto__`.
    else if (key === '__proto__') {
      const copied = copyJson(item, `${pointer}/${key}`, depth + 1)
      Object.defineProperty(copy, key, { value: copied, enumerable: true, writable: true, configurable: true })
    } else if (typeof item === 'number' && Number.isFinite(item)) copy[key] = item === 0 ? 0 : item
    else copy[key] = copyJson(item, `${pointer}/${escapePointer(key)}`, depth + 1)
  }
  return copy
}

function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value)
  return (
    (prototype === Object.prototype || prototype === null) &&
    typeof value['toJSON' as keyof typeof value] !== 'function'
  )
}

/**
 * @param token a property name or an index
 * @returns the token as it stands in an RFC 6901 JSON pointer
 */
export function escapePointer(token: string): string {
  return token.replaceAll('~', '~0').replaceAll('/', '~1')
}

function describe(value: unknown): string {
  if (value === undefined) return 'undefined'
  if (typeof value === 'number') return String(value)
  if (typeof value !== 'object' || value === null) return `a ${typeof value}`
  return `a ${value.constructor?.name ?? 'special'} object`
}
