/** Reads answers of HTTP/1.1 from bytes, strictly: what a lenient client would accept is a mistake of the service. */

/** One answer. */
export interface RawAnswer {
  readonly status: number
  /** Names in lower case; of a header that came twice, both. */
  readonly headers: ReadonlyMap<string, readonly string[]>
  readonly body: string
  /** False for a live stream, of which only the beginning is here. */
  readonly isWhole: boolean
}

/** Bytes that are no answer. */
export class NoAnswerError extends Error {}

interface Body {
  readonly body: Buffer
  /** Where the next answer begins. */
  readonly end: number
}

/**
 * @param bytes that came
 * @param isHead whether the request was HEAD, so that no body follows
 * @param isClosed whether nothing more comes
 * @returns the first answer in them and where it ends; undefined when a part of it is missing
 * @throws {NoAnswerError} when they begin otherwise than an answer does
 */
export function parseAnswer(
  bytes: Buffer,
  isHead: boolean,
  isClosed: boolean,
): { readonly answer: RawAnswer; readonly end: number } | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd === -1) {
    if (!'HTTP/1.1 '.startsWith(bytes.toString('latin1', 0, 9))) throw new NoAnswerError('no status line')
    return undefined
  }
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3}) [ -~]*$/.exec(statusLine)?.[1] ?? Number.NaN)
  if (Number.isNaN(status)) throw new NoAnswerError(`status line ${JSON.stringify(statusLine)}`)
  const headers = headersIn(lines)
  const start = headEnd + 4
  if (status === 100) return parseBehind(bytes, start, isHead, isClosed)
  if (isHead || status === 204 || status === 304) {
    return { answer: { status, headers, body: '', isWhole: true }, end: start }
  }
  const found = bodyIn(bytes, start, headers, isClosed)
  if (found !== undefined) {
    return { answer: { status, headers, body: found.body.toString(), isWhole: true }, end: found.end }
  }
  if (headers.get('content-type')?.[0] !== 'text/event-stream') return undefined
  return { answer: { status, headers, body: bytes.toString('utf8', start), isWhole: false }, end: bytes.length }
}

function parseBehind(bytes: Buffer, start: number, isHead: boolean, isClosed: boolean) {
  const next = parseAnswer(bytes.subarray(start), isHead, isClosed)
  return next && { answer: next.answer, end: start + next.end }
}

function headersIn(lines: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const headers = new Map<string, string[]>()
  for (const line of lines) {
    const [, name, value] = /^([\w!#$%&'*+.^`|~-]+): ?([\t -~\x80-\xff]*)$/.exec(line) ?? []
    if (name === undefined || value === undefined) throw new NoAnswerError(`header ${JSON.stringify(line)}`)
    const values = headers.get(name.toLowerCase())
    if (values === undefined) headers.set(name.toLowerCase(), [value])
    else values.push(value)
  }
  return headers
}

function bodyIn(
  bytes: Buffer,
  start: number,
  headers: ReadonlyMap<string, readonly string[]>,
  isClosed: boolean,
): Body | undefined {
  const [length, ...more] = headers.get('content-length') ?? []
  if (more.length > 0) throw new NoAnswerError('two lengths')
  const isChunked = headers.get('transfer-encoding')?.[0] === 'chunked'
  if (length !== undefined) {
    if (isChunked || !/^\d+$/.test(length)) throw new NoAnswerError(`content-length ${length}`)
    const end = start + Number(length)
    return end > bytes.length ? undefined : { body: bytes.subarray(start, end), end }
  }
  if (isChunked) return chunksIn(bytes, start)
  return isClosed ? { body: bytes.subarray(start), end: bytes.length } : undefined
}

function chunksIn(bytes: Buffer, start: number): Body | undefined {
  const chunks: Buffer[] = []
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd === -1) return undefined
    const line = bytes.toString('latin1', at, lineEnd)
    if (!/^[\da-f]{1,8}$/i.test(line)) throw new NoAnswerError(`chunk size ${JSON.stringify(line)}`)
    const end = lineEnd + 2 + Number.parseInt(line, 16)
    if (end + 2 > bytes.length) return undefined
    if (bytes.toString('latin1', end, end + 2) !== '\r\n') throw new NoAnswerError('chunk without an end')
    if (line === '0') return { body: Buffer.concat(chunks), end: end + 2 }
    chunks.push(bytes.subarray(lineEnd + 2, end))
    at = end + 2
  }
}
