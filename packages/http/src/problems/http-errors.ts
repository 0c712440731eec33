/** Errors about the request itself, before any command or query is looked at. */

import { CimError } from '@cim/core'

/** Codes of {@link HttpRequestError}; each has its status in `problem-kinds.ts`. */
export type HttpRequestErrorCode =
  | 'bad-request'
  | 'body-too-large'
  | 'client-gone'
  | 'cross-origin'
  | 'expectation-failed'
  | 'headers-too-large'
  | 'host-not-allowed'
  | 'invalid-header'
  | 'invalid-json'
  | 'method-not-allowed'
  | 'not-found'
  | 'request-timeout'
  | 'stopping'
  | 'too-many-streams'
  | 'unknown-path'
  | 'unsupported-media-type'

/** A request that is refused, with what the client is told beside the message. */
export class HttpRequestError extends CimError {
  override readonly name = 'HttpRequestError'
  readonly code: HttpRequestErrorCode
  /** Further members of the problem document. */
  readonly members: Readonly<Record<string, unknown>>
  /** Further headers, names in lower case. */
  readonly headers: Readonly<Record<string, string>>

  constructor(
    code: HttpRequestErrorCode,
    message: string,
    more?: {
      readonly members?: Readonly<Record<string, unknown>>
      readonly headers?: Readonly<Record<string, string>>
      readonly cause?: unknown
    },
  ) {
    super(message, more?.cause === undefined ? undefined : { cause: more.cause })
    this.code = code
    this.members = more?.members ?? {}
    this.headers = more?.headers ?? {}
  }
}

/** @returns the error for a client that left before there was an answer: for the metrics, as nobody reads it */
export function clientGone(cause: unknown): HttpRequestError {
  return new HttpRequestError('client-gone', 'The client has left.', { cause })
}

/** @returns the error for a request that is not answered any more, and has changed nothing */
export function stoppingError(): HttpRequestError {
  return new HttpRequestError('stopping', 'The service is stopping. Nothing was done; send the request again soon.')
}

/** The server would be reachable from other machines without any protection. */
export class UnprotectedAddressError extends CimError {
  override readonly name = 'UnprotectedAddressError'
  readonly code = 'unprotected-address'
  readonly host: string

  constructor(host: string) {
    super(
      `Refusing to listen on ${JSON.stringify(host)}: anyone who reaches it could send commands. Give a token (or an ` +
        "'authenticate' function), or listen on 127.0.0.1.",
    )
    this.host = host
  }
}

/** The server could not begin to listen. */
export class ListenError extends CimError {
  override readonly name = 'ListenError'
  readonly code: 'address-in-use' | 'listen-failed'

  constructor(host: string, port: number, cause: Error & { readonly code?: unknown }) {
    const isInUse = cause.code === 'EADDRINUSE'
    super(
      isInUse
        ? `Port ${port} on ${host} is in use by another process. Stop it, or choose another port.`
        : `Cannot listen on ${host}, port ${port}: ${cause.message}`,
      { cause },
    )
    this.code = isInUse ? 'address-in-use' : 'listen-failed'
  }
}
