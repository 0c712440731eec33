/** Keeps order on connections: what is answered there, and what never becomes a request at all. */

import { type IncomingMessage, type RequestListener, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { HttpRequestError } from './problems/http-errors.ts'
import { toProblem } from './problems/problem.ts'

/** A request, and its answer until that has been sent. */
interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** How long answers that come first are waited for, in milliseconds: a live stream never ends. */
const patienceMs = 30_000

/** How many requests of one connection may be under way. Nobody sends so many without waiting for an answer but to harm. */
const maxOpenExchanges = 100

/**
 * Hands requests to a listener. Of the answers that Node would give by itself it makes problem documents: to broken HTTP, to
 * headers that are too large or do not come, to a tunnel. The connection is closed after each of them, as nobody knows
 * where the next request begins.
 * @param server before it listens
 * @param listener answers what is a request
 */
export function serveConnections(server: Server, listener: RequestListener): void {
  const openExchanges = new WeakMap<Socket, Set<Exchange>>()
  const refused = new WeakSet<Socket>()

  const refuse = (socket: Socket, error: HttpRequestError): void => {
    // Whatever comes after something broken is broken too.
    if (refused.has(socket)) return
    refused.add(socket)
    const open = [...(openExchanges.get(socket) ?? [])]
    const broken = open.find(({ request }) => !request.complete)
    // A request that came in whole keeps its own answer: the sender must not take this one for it.
    const last = open.findLast(({ request }) => request.complete)
    const answer = (): void => {
      if (socket.writable && broken?.response.headersSent !== true) socket.write(toBytes(error))
      socket.destroySoon()
    }
    if (last === undefined) {
      answer()
      return
    }
    const lastResort = setTimeout(() => socket.destroy(), patienceMs)
    last.response.once('close', () => {
      clearTimeout(lastResort)
      answer()
    })
  }

  server.on('request', (request, response) => {
    const { socket } = request
    // What came together with too much else.
    if (socket.destroyed) return
    const open = openExchanges.get(socket) ?? new Set()
    openExchanges.set(socket, open)
    if (open.size === maxOpenExchanges) {
      socket.destroy()
      return
    }
    const exchange = { request, response }
    open.add(exchange)
    response.once('close', () => open.delete(exchange))
    listener(request, response)
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE') socket.destroy()
    else refuse(socket as Socket, toRequestError(error))
  })
  server.on('connect', (_, socket) => {
    // From here on Node leaves the socket to whoever listens, with its errors.
    socket.on('error', () => socket.destroy())
    const headers = { allow: 'GET, HEAD, POST' }
    const message = 'CONNECT is not taken here: this is no proxy.'
    refuse(socket as Socket, new HttpRequestError('method-not-allowed', message, { headers }))
  })
  server.on('checkExpectation', ({ headers, socket }) => {
    const expected = JSON.stringify(headers.expect)
    refuse(socket, new HttpRequestError('expectation-failed', `Expect may be 100-continue only, not ${expected}.`))
  })
}

function toRequestError({ code, message }: NodeJS.ErrnoException): HttpRequestError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new HttpRequestError('headers-too-large', 'Path and headers may have 16,384 bytes together.')
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new HttpRequestError('body-too-large', 'The extensions of chunks may have 16,384 bytes.')
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpRequestError('request-timeout', 'The request has not come in whole in time. Nothing was done.')
    default:
      return new HttpRequestError('bad-request', `The request cannot be understood: ${message}.`)
  }
}

function toBytes(error: HttpRequestError): string {
  const { status, headers, body } = toProblem(error, () => crypto.randomUUID()).reply
  const fields = { ...headers, 'content-length': Buffer.byteLength(String(body)), connection: 'close' }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`
}
