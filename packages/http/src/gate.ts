/** Decides whether a request may come in at all. */

import { createHash, timingSafeEqual } from 'node:crypto'
import { ForbiddenError, problemWithId, UnauthenticatedError } from '@cim/core'
import type { Authenticate, Principal } from './principal.ts'
import { HttpRequestError } from './problems/http-errors.ts'

/** What a {@link Gate} goes by. */
export interface GateOptions {
  /** Every request must carry it as `Authorization: Bearer`. */
  readonly token?: string
  readonly authenticate?: Authenticate
  /**
   * Says which of those that `authenticate` knows may use what is under `/admin`: nobody when it is left out. Without
   * `authenticate`, whoever has the token may.
   */
  readonly isAdministrator?: (principal: Principal) => boolean | Promise<boolean>
  /** Host names, with or without a port, that are served beside the loopback names. */
  readonly allowedHosts?: readonly string[]
}

const loopback = /^(localhost|\[::1\]|127(\.\d{1,3}){3})$/
const bearer = /^Bearer +([^\s]+) *$/i

/**
 * Keeps out who has no token, and web pages that make a visitor's browser send requests.
 *
 * A page of another origin cannot read answers, as nothing here allows it by CORS, and cannot send commands: they must
 * be JSON, and its `Origin` is refused. A page that has rebound its own name to this address (DNS rebinding) is of the
 * same origin, but still carries its name in `Host`.
 */
export class Gate {
  readonly #tokenHash: Buffer | undefined
  readonly #authenticate: Authenticate | undefined
  readonly #isAdministrator: GateOptions['isAdministrator']
  readonly #allowedHosts: ReadonlySet<string>
  readonly #checksHost: boolean

  constructor(options: GateOptions) {
    this.#tokenHash = options.token === undefined ? undefined : hashOf(options.token)
    this.#authenticate = options.authenticate
    this.#isAdministrator = options.isAdministrator
    this.#allowedHosts = new Set(options.allowedHosts?.map((host) => host.toLowerCase()))
    // Behind a token the name does not matter: a rebound page does not have the token.
    this.#checksHost =
      (options.token === undefined && options.authenticate === undefined) || options.allowedHosts !== undefined
  }

  /** @throws {HttpRequestError} `host-not-allowed` or `cross-origin` */
  checkOrigin(request: Request): void {
    const host = request.headers.get('host') ?? new URL(request.url).host
    if (this.#checksHost && !this.#isAllowed(host)) {
      throw new HttpRequestError(
        'host-not-allowed',
        `This service does not answer to the host name ${JSON.stringify(host)}. Use 127.0.0.1 or localhost, or add the name to allowedHosts.`,
      )
    }
    const origin = request.headers.get('origin')
    if (origin === null || request.method === 'GET' || request.method === 'HEAD') return
    const from = URL.canParse(origin) ? new URL(origin).host : ''
    if (from !== '' && (from === host.toLowerCase() || this.#allowedHosts.has(from))) return
    throw new HttpRequestError('cross-origin', `Requests from pages of ${JSON.stringify(origin)} are refused.`)
  }

  /**
   * @returns the principal, or undefined when nobody asked who it is
   * @throws {UnauthenticatedError} when the token is missing or wrong, or the application does not know the sender
   */
  identify(request: Request): Principal | undefined | Promise<Principal> {
    if (this.#tokenHash !== undefined) this.#checkToken(request, this.#tokenHash)
    return this.#authenticate === undefined ? undefined : this.#ask(this.#authenticate, request)
  }

  /**
   * Lets only those use `/admin` who run the service.
   * @param path of the route
   * @throws {ForbiddenError} when the principal is somebody else
   */
  admit(path: string, principal: Principal | undefined): undefined | Promise<void> {
    if (!path.startsWith('/admin/') || this.#authenticate === undefined) return undefined
    return this.#askForAdministrator(principal)
  }

  #checkToken(request: Request, expected: Buffer): void {
    const token = bearer.exec(request.headers.get('authorization') ?? '')?.[1]
    if (token === undefined) throw new UnauthenticatedError('Send the header Authorization: Bearer <token>.')
    // Hashes have the same length whatever the token's, and say nothing about it.
    if (!timingSafeEqual(hashOf(token), expected)) throw new UnauthenticatedError('The bearer token is not valid.')
  }

  async #ask(authenticate: Authenticate, request: Request): Promise<Principal> {
    const principal = await authenticate(request)
    if (principal === undefined) throw new UnauthenticatedError('The request does not say who sends it.')
    for (const name of ['userId', 'sessionId'] as const) {
      const problem = principal[name] === undefined ? undefined : problemWithId(principal[name])
      if (problem !== undefined) throw new TypeError(`authenticate: ${name} ${problem}`)
    }
    return principal
  }

  async #askForAdministrator(principal: Principal | undefined): Promise<void> {
    if (principal !== undefined && (await this.#isAdministrator?.(principal)) === true) return
    throw new ForbiddenError(
      this.#isAdministrator === undefined
        ? "Nobody may do this here: the service says with 'isAdministrator' who may."
        : 'Only an administrator of the service may do this.',
    )
  }

  #isAllowed(host: string): boolean {
    const full = host.toLowerCase()
    const name = full.replace(/:\d+$/, '')
    return loopback.test(name) || this.#allowedHosts.has(full) || this.#allowedHosts.has(name)
  }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
