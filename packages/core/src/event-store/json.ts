/** Turns data into the JSON that stores keep, and refuses what JSON would silently change. */

/** Data that JSON carries unchanged, with its text. */
export interface EncodedJson {
  readonly text: string
  /** The value that parsing the text gives. */
  readonly value: unknown
}

/**
 * @param data any value
 * @returns its JSON text and the value that reading the text back gives. Properties that are undefined are left out.
 * @throws {TypeError} at a value that JSON cannot carry (a date, a map, a function, BigInt, NaN …), with a JSON pointer
 */
export function encodeJson(data: unknown): EncodedJson {
  const isExact = checkJson(data, '', 0)
  const text = JSON.stringify(data)
  return { text, value: isExact ? data : JSON.parse(text) }
}

const maxDepth = 200

/** Returns false when the value is fine but for properties that are undefined, which JSON leaves out. */
function checkJson(value: unknown, pointer: string, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      if (Number.isFinite(value)) return !Object.is(value, -0)
      break
    case 'object':
      if (value === null) return true
      if (depth >= maxDepth) throw new TypeError(`it is nested more than ${maxDepth} levels deep`)
      if (Array.isArray(value)) return checkArray(value, pointer, depth)
      if (isPlainObject(value)) return checkObject(value, pointer, depth)
      break
  }
  throw new TypeError(
    `${pointer === '' ? 'its data' : `its data at ${pointer}`} must be plain JSON, got ${describe(value)}`,
  )
}

function checkArray(value: readonly unknown[], pointer: string, depth: number): boolean {
  let isExact = true
  for (let index = 0; index < value.length; index++) {
    if (!checkJson(value[index], `${pointer}/${index}`, depth + 1)) isExact = false
  }
  return isExact
}

function checkObject(value: Record<string, unknown>, pointer: string, depth: number): boolean {
  let isExact = true
  for (const key of Object.keys(value)) {
    const item = value[key]
    if (item === undefined) isExact = false
    // The pointer is only spelled out on the way down when there is something below to point into.
    else if (
      typeof item === 'object'
        ? !checkJson(item, `${pointer}/${escapePointer(key)}`, depth + 1)
        : !checkLeaf(item, pointer, key)
    ) {
      isExact = false
    }
  }
  return isExact
}

function checkLeaf(item: unknown, pointer: string, key: string): boolean {
  if (typeof item === 'string' || typeof item === 'boolean') return true
  return checkJson(item, `${pointer}/${escapePointer(key)}`, 0)
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
