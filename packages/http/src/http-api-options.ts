/** What an HTTP API is made of. */

import { type Application, checkOptions, checkWholeNumber, InvalidOptionError } from '@cim/core'
import type { GateOptions } from './gate.ts'

/** A fault that the client was not told about, and the id that it was given instead. */
export interface HttpFault {
  readonly errorId: string
  readonly method: string
  /** The path with its parameters' names, for instance `/aggregates/:aggregateType/:aggregateId`. */
  readonly route: string
}

/** What `createHttpApi` takes. */
export interface HttpApiOptions extends GateOptions {
  readonly application: Application
  /** Names the API in `/` and in the OpenAPI document; `CIM application` when left out. */
  readonly title?: string
  /** The application's version; `0.0.0` when left out. */
  readonly version?: string
  /** The largest body that is accepted; 2 MiB when left out. */
  readonly maxBodyBytes?: number
  /** How often an idle live stream hears something, in milliseconds; 15,000 when left out. */
  readonly heartbeatMs?: number
  /** The most live streams at a time; 1,000 when left out. */
  readonly maxStreams?: number
  /** Is told of every fault on the server's side, with the original error. */
  readonly onError?: (error: unknown, fault: HttpFault) => void
  /** Aborts when the service is to stop: live streams end, and new requests are refused. */
  readonly stopping?: AbortSignal
}

/** The names of {@link HttpApiOptions}, for those who pass them on. */
export const httpApiOptionNames: readonly string[] = [
  'application',
  'title',
  'version',
  'token',
  'authenticate',
  'isAdministrator',
  'allowedHosts',
  'maxBodyBytes',
  'heartbeatMs',
  'maxStreams',
  'onError',
  'stopping',
]

/** {@link HttpApiOptions} with defaults filled in. */
export type CheckedHttpApiOptions = HttpApiOptions &
  Required<Pick<HttpApiOptions, 'title' | 'version' | 'maxBodyBytes' | 'heartbeatMs' | 'maxStreams' | 'onError'>>

const shortestToken = 16

/** @throws {InvalidOptionError} when an option is unknown or out of range */
export function checkHttpApiOptions(options: HttpApiOptions): CheckedHttpApiOptions {
  checkOptions('createHttpApi', options, httpApiOptionNames)
  checkToken(options.token)
  return {
    ...options,
    title: options.title ?? 'CIM application',
    version: options.version ?? '0.0.0',
    maxBodyBytes: wholeNumber('maxBodyBytes', options.maxBodyBytes ?? 2 * 1024 * 1024),
    heartbeatMs: wholeNumber('heartbeatMs', options.heartbeatMs ?? 15_000),
    maxStreams: wholeNumber('maxStreams', options.maxStreams ?? 1000),
    onError: neverThrowing(options.onError),
  }
}

/** @returns the function given, made safe to call in the middle of an answer */
export function neverThrowing(onError: HttpApiOptions['onError']): NonNullable<HttpApiOptions['onError']> {
  return (error, fault) => {
    try {
      onError?.(error, fault)
    } catch {
      // The client still gets its answer.
    }
  }
}

/** An empty token, for instance from a variable that is not set, must not look like protection. */
function checkToken(token: string | undefined): void {
  if (token === undefined || (token.length >= shortestToken && /^[\x21-\x7e]+$/.test(token))) return
  throw new InvalidOptionError(
    'createHttpApi',
    'token',
    `must have at least ${shortestToken} printable ASCII characters without spaces, for instance from: openssl rand -hex 32`,
  )
}

function wholeNumber(name: string, value: number): number {
  return checkWholeNumber('createHttpApi', name, value, { least: 1 })
}
