/** Reads a request's body without ever holding more than is allowed. */

import { clientGone, HttpRequestError } from '../problems/http-errors.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * So much of a body is read at least, and thrown away when that is too much: a client that is cut off while it sends would
 * not see the answer.
 */
const leastRead = 8 * 1024 * 1024

/**
 * @param request whose body has not been read
 * @param maxBytes the most that is accepted
 * @param isFramed true when the server guarantees that the body is no longer than its Content-Length
 * @returns the body as text
 * @throws {HttpRequestError} `body-too-large`, `invalid-json` when it is not UTF-8, `client-gone`
 */
export async function readText(request: Request, maxBytes: number, isFramed: boolean): Promise<string> {
  const declared = request.headers.get('content-length')
  if (Number(declared) > maxBytes) throw tooLarge(maxBytes, Number(declared) > leastRead)
  const bytes = await (declared !== null && isFramed ? readAll(request) : readBounded(request, maxBytes))
  try {
    return utf8.decode(bytes)
  } catch (cause) {
    throw new HttpRequestError('invalid-json', 'The body must be UTF-8; it holds bytes that are not.', { cause })
  }
}

async function readAll(request: Request): Promise<Uint8Array> {
  try {
    return new Uint8Array(await request.arrayBuffer())
  } catch (cause) {
    throw clientGone(cause)
  }
}

async function readBounded({ body }: Request, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of body ?? []) {
      length += chunk.byteLength
      if (length <= maxBytes) chunks.push(chunk)
      // Leaving the loop cancels the rest of the body.
      else if (length > leastRead) break
      else chunks.length = 0
    }
  } catch (cause) {
    throw clientGone(cause)
  }
  if (length > maxBytes) throw tooLarge(maxBytes, length > leastRead)
  return Buffer.concat(chunks, length)
}

/** @param isCut whether the rest is not read: otherwise the server does that, and the connection goes on */
function tooLarge(maxBytes: number, isCut: boolean): HttpRequestError {
  return new HttpRequestError(
    'body-too-large',
    `At most ${maxBytes} bytes are accepted. Split the content, or keep it elsewhere and send a reference.`,
    { members: { limit: maxBytes, unit: 'bytes' }, headers: isCut ? { connection: 'close' } : {} },
  )
}
