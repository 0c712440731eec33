/** Percent-encodings in a request's URL. */

import { HttpRequestError } from '../problems/http-errors.ts'

/**
 * @param text as it came
 * @param place what it is, for the message
 * @throws {HttpRequestError} `bad-request` when it holds a percent-encoding that is not UTF-8: it would be read as it
 * stands, and then mean the same as another text
 */
export function checkPercentEncoding(text: string, place: 'path' | 'query string'): void {
  if (!text.includes('%')) return
  try {
    decodeURIComponent(text)
  } catch (cause) {
    throw new HttpRequestError(
      'bad-request',
      `The ${place} holds a percent-encoding that is not UTF-8. Write a percent sign as %25.`,
      { cause },
    )
  }
}
