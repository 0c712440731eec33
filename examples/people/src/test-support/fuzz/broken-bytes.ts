/** Bytes that are no request, or not the one that they seem to be. */

import { type Draw, either, pick, whole } from './draw.ts'

/** Ids of people that only a request has that is hidden in something else. None may ever exist. */
export const smuggledPrefix = 'smuggled-'

const host = 'Host: 127.0.0.1\r\n'
const json = 'Content-Type: application/json\r\n'

/** What is sent with it belongs to one authorized sender. */
export interface BrokenBytesOptions {
  /** A request as it should be, to begin with. */
  readonly whole: Buffer
  /** The header line that lets the sender in; empty when nobody is kept out. */
  readonly authorization: string
  readonly index: number
}

/** @returns bytes of which nothing is known but that they may be anything */
export function brokenBytes(draw: Draw, { whole: bytes, authorization, index }: BrokenBytesOptions): Buffer {
  const smuggled = createPerson(`${smuggledPrefix}${index}`, authorization)
  const head = `POST /commands/CreatePerson HTTP/1.1\r\n${host}${authorization}`
  return either<Buffer>(draw, [
    [2, () => Buffer.from(Array.from({ length: whole(draw, 1, 300) }, () => whole(draw, 0, 255)))],
    [6, () => mangled(draw, bytes)],
    [2, () => bytes.subarray(0, whole(draw, 0, bytes.length))],
    [3, () => latin1(`${firstLine(draw)}\r\n${host}${authorization}\r\n`)],
    [4, () => latin1(`GET /healthz HTTP/1.1\r\n${authorization}${headerLines(draw)}\r\n`)],
    [6, () => latin1(`${head}${json}${framing(draw, smuggled)}`)],
    [1, () => latin1(oversized(draw, `${head}${json}`))],
    [2, () => latin1(`${hiding(draw, createPerson(`${smuggledPrefix}${index}`, ''), authorization)}\r\n`)],
  ])
}

function createPerson(aggregateId: string, authorization: string): string {
  const body = JSON.stringify({ aggregateId, data: { legalName: 'Nobody' } })
  return `POST /commands/CreatePerson HTTP/1.1\r\n${host}${authorization}${json}Content-Length: ${body.length}\r\n\r\n${body}`
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/** A request that came over a bad line: bytes are other ones, missing, repeated, or there is one more. */
function mangled(draw: Draw, bytes: Buffer): Buffer {
  let result = bytes
  for (let count = whole(draw, 1, 4); count > 0; count--) {
    const at = whole(draw, 0, result.length)
    const end = Math.min(result.length, at + whole(draw, 1, 20))
    const piece = either<Buffer>(draw, [
      [3, () => Buffer.from([whole(draw, 0, 255)])],
      [
        2,
        () =>
          Buffer.from(
            pick(draw, ['\r\n', '\r', '\n', '\u0000', ' ', '\t', ':', '%', '\r\n\r\n', 'HTTP/1.1', '%0d%0a']),
          ),
      ],
      [2, () => Buffer.concat([result.subarray(at, end), result.subarray(at, end)])],
      [1, () => Buffer.alloc(0)],
    ])
    result = Buffer.concat([result.subarray(0, at), piece, result.subarray(whole(draw, 0, 1) === 0 ? at : end)])
  }
  return result
}

function firstLine(draw: Draw): string {
  return pick(draw, [
    ...[
      'GET / HTTP/1.0',
      'GET / HTTP/0.9',
      'GET /',
      'GET  / HTTP/1.1',
      'GET / HTTP/1.1 ',
      'GET / http/1.1',
      'GET / HTTP/11',
    ],
    ...[
      'GET / HTTP/2.0',
      'PRI * HTTP/2.0',
      'get / HTTP/1.1',
      'G\u0000T / HTTP/1.1',
      ' GET / HTTP/1.1',
      '\r\nGET / HTTP/1.1',
      '/ GET HTTP/1.1',
    ],
    ...[
      'OPTIONS * HTTP/1.1',
      'CONNECT 127.0.0.1:22 HTTP/1.1',
      'TRACE / HTTP/1.1',
      'DEBUG / HTTP/1.1',
      `${'A'.repeat(50)} / HTTP/1.1`,
    ],
    ...[
      'GET http://evil.example/events HTTP/1.1',
      'GET http://evil.example:99999/ HTTP/1.1',
      'GET http://[::1/ HTTP/1.1',
      'GET ftp://x/ HTTP/1.1',
    ],
    ...[
      'GET //evil.example/events HTTP/1.1',
      'GET /../../etc/passwd HTTP/1.1',
      'GET /..%2f..%2fetc/passwd HTTP/1.1',
      'GET /%00 HTTP/1.1',
    ],
    ...[
      'GET /\\admin HTTP/1.1',
      'GET /events?\\ HTTP/1.1',
      'GET /events#x HTTP/1.1',
      'GET ?x HTTP/1.1',
      'GET x HTTP/1.1',
      'GET \t/ HTTP/1.1',
    ],
    ...[
      `GET /${'x'.repeat(16_200)} HTTP/1.1`,
      `GET /${'x'.repeat(70_000)} HTTP/1.1`,
      `GET /events?${'a&'.repeat(7000)} HTTP/1.1`,
    ],
    ...[
      `GET /events?${'subject=events.%3E&'.repeat(700)} HTTP/1.1`,
      `GET /aggregates/Person/${'%41'.repeat(4000)} HTTP/1.1`,
    ],
    ...[
      'GET /events?\u00ff\u00fe HTTP/1.1',
      'GET /healthz HTTP/1.1\nX: 1',
      'GET /healthz HTTP/1.1\rX: 1',
      'GET /%0d%0aX-Injected:%201 HTTP/1.1',
    ],
  ])
}

function headerLines(draw: Draw): string {
  const line = (): string =>
    pick(draw, [
      ...[
        'X : 1\r\n',
        ' X: 1\r\n',
        'X\r\n',
        ': 1\r\n',
        'X: 1\r\n folded\r\n',
        'X: a\u0000b\r\n',
        'X: a\rX-Injected: 1\r\n',
        'X: a\nX-Injected: 1\r\n',
      ],
      ...[
        'X\u00e9: 1\r\n',
        'X: \u00ff\u00fe\r\n',
        'X: \u560a\u560dX-Injected: 1\r\n',
        '\u0000: 1\r\n',
        'X(y): 1\r\n',
        `X: ${'y'.repeat(20_000)}\r\n`,
      ],
      ...[
        'X: 1\r\n'.repeat(2500),
        `${'Y'.repeat(9000)}: 1\r\n`,
        'Content-Length: -1\r\n',
        'Content-Length: 5\r\n',
        'Content-Length: 99999999999999999999\r\n',
      ],
      ...[
        'Transfer-Encoding: chunked\r\n',
        'Transfer-Encoding: gzip\r\n',
        'Connection: close\r\n',
        'Connection: keep-alive, close\r\n',
        'Connection: \r\n',
      ],
      ...[
        'Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n',
        'Connection: Upgrade\r\nUpgrade: websocket\r\n',
      ],
      ...[
        'Expect: 100-continue\r\n',
        'Expect: everything\r\n',
        'Keep-Alive: timeout=999999\r\n',
        'TE: trailers\r\n',
        'Trailer: X\r\n',
      ],
      ...[
        `${host}`,
        'Host: evil.example\r\n',
        'Host:\r\n',
        'Host: a b\r\n',
        'Host: [::1\r\n',
        'Host: \u00ff\r\n',
        'Host: 127.0.0.1#\r\n',
        'Host: x@127.0.0.1\r\n',
      ],
      ...[
        'Idempotency-Key: a\r\nIdempotency-Key: b\r\n',
        '__proto__: 1\r\n',
        'Accept: text/event-stream\r\n',
        'If-Match: "1"\r\nIf-Match: "2"\r\n',
      ],
    ])
  const lines = Array.from({ length: whole(draw, 1, 3) }, line).join('')
  return whole(draw, 0, 3) === 0 ? lines : host + lines
}

/** Two readings of where the body ends: by the wrong one, the rest is a request. */
function framing(draw: Draw, smuggled: string): string {
  const { length } = smuggled
  return pick(draw, [
    `Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    `Transfer-Encoding: chunked\r\nContent-Length: ${length + 5}\r\n\r\n0\r\n\r\n${smuggled}`,
    `Content-Length: 2\r\nContent-Length: ${length + 2}\r\n\r\n{}${smuggled}`,
    `Content-Length: 2, ${length + 2}\r\n\r\n{}${smuggled}`,
    `Content-Length: +2\r\n\r\n{}${smuggled}`,
    `Content-Length: 0x2\r\n\r\n{}${smuggled}`,
    `Content-Length: 2 2\r\n\r\n{}${smuggled}`,
    `Content-Length: -2\r\n\r\n${smuggled}`,
    `Content-Length : 2\r\n\r\n{}${smuggled}`,
    `Content-Length: 18446744073709551618\r\n\r\n{}${smuggled}`,
    `Content-Length: ${length}\r\n\r\n${smuggled}`,
    `Content-Length: ${length + 10}\r\n\r\n${smuggled}`,
    `Transfer-Encoding: xchunked\r\n\r\n${smuggled}`,
    `Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${smuggled}`,
    `Transfer-Encoding: identity\r\n\r\n${smuggled}`,
    `Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    `Transfer-Encoding:\u000bchunked\r\n\r\n0\r\n\r\n${smuggled}`,
    `Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n${smuggled}`,
    `Transfer-Encoding: chunked\r\n\r\n${length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`,
    `Transfer-Encoding: chunked\r\n\r\n${length.toString(16)};x="\r\n${smuggled}\r\n0\r\n\r\n`,
    `Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n${smuggled}`,
    `Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n${smuggled}`,
    `Transfer-Encoding: chunked\r\n\r\n2\r\n{}${smuggled}`,
    `Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n${smuggled}`,
    `Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n${smuggled}`,
    `Transfer-Encoding: chunked\r\n\r\n2;${'e'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n${smuggled}`,
    `Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: ${'t'.repeat(20_000)}\r\n\r\n`,
    `Transfer-Encoding: chunked\r\n\r\n${'1\r\n \r\n'.repeat(5000)}0\r\n\r\n`,
  ])
}

/** More than any body may have. */
function oversized(draw: Draw, head: string): string {
  const megabytes = 'x'.repeat(2 * 1024 * 1024)
  return pick(draw, [
    `${head}Content-Length: 2097153\r\n\r\nx`,
    `${head}Content-Length: 9007199254740993\r\n\r\nx`,
    `${head}Content-Length: 2097152\r\n\r\n${megabytes}`,
    `${head}Transfer-Encoding: chunked\r\n\r\n200000\r\n${megabytes}\r\n1\r\nx\r\n0\r\n\r\n`,
  ])
}

/** A request within a path, a header or a body: there it is text, and stays that. An answer may repeat it, so it has no token. */
function hiding(draw: Draw, smuggled: string, authorization: string): string {
  const once = encodeURIComponent(smuggled)
  const inHeader = smuggled.replaceAll('\r\n', pick(draw, ['%0d%0a', '\\r\\n', '\u560a\u560d', ' ', '\t']))
  return pick(draw, [
    `GET /aggregates/Person/${once} HTTP/1.1\r\n${host}${authorization}`,
    `GET /events?subject=${once} HTTP/1.1\r\n${host}${authorization}`,
    `GET /events?subject=${encodeURIComponent(once)} HTTP/1.1\r\n${host}${authorization}`,
    `GET /healthz HTTP/1.1\r\n${host}${authorization}X-Correlation-ID: ${inHeader}\r\n`,
    `GET /healthz HTTP/1.1\r\n${host}${authorization}Content-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    `PUT /events HTTP/1.1\r\n${host}${authorization}Content-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
  ])
}
