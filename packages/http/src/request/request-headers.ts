/** Reads the request headers that have a meaning here. */

import { maxIdLength } from '@cim/core'
import { HttpRequestError } from '../problems/http-errors.ts'

const printable = /^[\x20-\x7e]+$/
const quoted = /^"((?:[^"\\]|\\["\\])*)"$/
const entityTag = /^"(0|[1-9]\d{0,15})"$/

/**
 * An id in a header: visible ASCII, so that it can be sent back in a header too.
 * @param headers the request's
 * @param name in lower case
 * @returns the id, without the quotes of a structured string; undefined when the header is missing
 * @throws {HttpRequestError} `invalid-header`
 */
export function idHeader(headers: Headers, name: string): string | undefined {
  const text = headers.get(name)
  if (text === null) return undefined
  const id = text.startsWith('"') ? quoted.exec(text)?.[1]?.replaceAll(/\\(["\\])/g, '$1') : text
  if (id !== undefined && id.length <= maxIdLength && printable.test(id)) return id
  throw invalidHeader(name, `must be 1 to ${maxIdLength} printable ASCII characters, with or without quotes`)
}

/**
 * @param headers the request's
 * @returns the version that the client has seen; undefined when it does not say
 * @throws {HttpRequestError} `invalid-header` when `If-Match` is not one strong entity tag with a whole number
 * @see RFC 9110, section 13.1.1
 */
export function expectedVersionHeader(headers: Headers): number | undefined {
  const text = headers.get('if-match')
  if (text === null) return undefined
  const version = Number(entityTag.exec(text)?.[1])
  if (Number.isSafeInteger(version)) return version
  throw invalidHeader(
    'if-match',
    text.startsWith('W/')
      ? 'must be a strong entity tag: versions are exact. Send for instance "3" instead of W/"3"'
      : 'must be one version in quotes, for instance "3", or "0" for an aggregate that must not exist',
  )
}

/** @throws {HttpRequestError} `unsupported-media-type` unless the body is plain JSON in UTF-8 */
export function checkContentType(headers: Headers): void {
  const encoding = headers.get('content-encoding')
  if (encoding !== null && encoding !== 'identity') {
    throw new HttpRequestError('unsupported-media-type', 'The body must not be compressed: leave Content-Encoding out.')
  }
  const text = headers.get('content-type')
  if (text === 'application/json' || (text !== null && jsonType.test(text))) return
  throw new HttpRequestError(
    'unsupported-media-type',
    `The body must be JSON in UTF-8: send Content-Type: application/json${text === null ? '.' : `, not ${JSON.stringify(text)}.`}`,
    { headers: { 'accept-post': 'application/json' } },
  )
}

const jsonType = /^application\/json(\s*;\s*charset="?utf-8"?)?\s*$/i

/** @returns the error for a header that came, by its name in lower case */
export function invalidHeader(name: string, expectation: string): HttpRequestError {
  return new HttpRequestError('invalid-header', `The header ${name} ${expectation}.`, { members: { header: name } })
}
