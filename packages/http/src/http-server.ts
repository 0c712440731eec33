/** Serves the HTTP API on a socket. */

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { checkOptions, checkWholeNumber } from '@cim/core'
import { getRequestListener, RequestError } from '@hono/node-server'
import { serveConnections } from './connections.ts'
import { createHttpApi } from './http-api.ts'
import { type HttpApiOptions, httpApiOptionNames, neverThrowing } from './http-api-options.ts'
import { HttpRequestError, ListenError, UnprotectedAddressError } from './problems/http-errors.ts'
import { toProblem } from './problems/problem.ts'

/** What a {@link HttpServer} takes. */
export interface HttpServerOptions extends Omit<HttpApiOptions, 'stopping'> {
  /** The address to listen on; 127.0.0.1 when left out. Another than the loopback needs `token` or `authenticate`. */
  readonly host?: string
  /** 7117 when left out; 0 takes any free one. */
  readonly port?: number
  /** How long {@link HttpServer.stop} lets requests finish, in milliseconds; 10,000 when left out. */
  readonly stopTimeoutMs?: number
}

const optionNames = [...httpApiOptionNames.filter((name) => name !== 'stopping'), 'host', 'port', 'stopTimeoutMs']
const loopback = /^(localhost|::1|127(\.\d{1,3}){3})$/

/** In milliseconds: how long a client may take for its headers, for its whole request, and between two requests. */
const timeouts = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 60_000,
  connectionsCheckingInterval: 2_000,
}

/** A request without `Host` is refused like any other that makes no URL, with a problem document. */
const settings = { ...timeouts, requireHostHeader: false }

/** How often connections that have become idle are closed while stopping, in milliseconds. */
const closeIdleEveryMs = 20

/** Owns a listening socket. Does not own the application: stop it after the server. Serves once. */
export class HttpServer implements AsyncDisposable {
  readonly #host: string
  #port: number
  readonly #stopTimeoutMs: number
  readonly #stopping = new AbortController()
  readonly #server: Server
  #started: Promise<void> | undefined
  #stopped: Promise<void> | undefined

  /**
   * @param options the application, who may use it, and where to listen
   * @throws {UnprotectedAddressError} when other machines could reach it without a token
   * @throws {InvalidOptionError} when an option is unknown or out of range
   */
  constructor(options: HttpServerOptions) {
    checkOptions('HttpServer', options, optionNames)
    const { host = '127.0.0.1', port = 7117, stopTimeoutMs = 10_000, ...apiOptions } = options
    if (!loopback.test(host) && options.token === undefined && options.authenticate === undefined) {
      throw new UnprotectedAddressError(host)
    }
    this.#host = host
    this.#port = checkWholeNumber('HttpServer', 'port', port, { least: 0, most: 65_535 })
    this.#stopTimeoutMs = checkWholeNumber('HttpServer', 'stopTimeoutMs', stopTimeoutMs, { least: 0 })
    const api = createHttpApi({ ...apiOptions, stopping: this.#stopping.signal })
    this.#server = createServer(settings)
    serveConnections(this.#server, getRequestListener(api.fetch, { errorHandler: refuseUnreadable }))
    // For instance no file descriptor left for a connection. The others go on.
    const onError = neverThrowing(options.onError)
    this.#server.on('error', (error) => {
      if (this.#server.listening) onError(error, { errorId: crypto.randomUUID(), method: '', route: '' })
    })
  }

  /** Where it listens, for instance `http://127.0.0.1:7117`. With port 0 only known after {@link start}. */
  get url(): string {
    const host = this.#host.includes(':') ? `[${this.#host}]` : this.#host
    return `http://${host}:${this.#port}`
  }

  /** @throws {ListenError} when the address cannot be listened on */
  start(): Promise<void> {
    this.#started ??= this.#stopped === undefined ? this.#listen() : this.#refuseToStart()
    return this.#started
  }

  /** Accepts nothing more, ends live streams, finishes the requests under way within the time allowed, and closes. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #listen(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const fail = (cause: Error): void => reject(new ListenError(this.#host, this.#port, cause))
    this.#server.once('error', fail)
    this.#server.listen(this.#port, this.#host, () => {
      this.#server.off('error', fail)
      this.#port = (this.#server.address() as AddressInfo).port
      resolve()
    })
    return promise
  }

  async #refuseToStart(): Promise<void> {
    throw new ListenError(this.#host, this.#port, new Error('this server was stopped; make a new one'))
  }

  async #stop(): Promise<void> {
    this.#stopping.abort()
    await this.#started?.catch(() => undefined)
    if (this.#server.listening) await this.#close()
  }

  #close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const lastResort = setTimeout(() => this.#server.closeAllConnections(), this.#stopTimeoutMs)
    const idle = setInterval(() => this.#server.closeIdleConnections(), closeIdleEveryMs)
    this.#server.close(() => {
      clearTimeout(lastResort)
      clearInterval(idle)
      resolve()
    })
    return promise
  }
}

/** Answers a request whose path or `Host` makes no URL, so that no route ever sees it. */
function refuseUnreadable(cause: unknown): Response {
  const error =
    cause instanceof RequestError
      ? new HttpRequestError('bad-request', `The request cannot be understood: ${cause.message}.`, { cause })
      : cause
  const { status, headers, body } = toProblem(error, () => crypto.randomUUID()).reply
  return new Response(body, { status, headers })
}
