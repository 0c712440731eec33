/** Errors as problem documents. */

import {
  type CommandQueueFullError,
  type HistoricalViewError,
  isCimError,
  type ValidationError,
  type VersionMismatchError,
} from '@cim/core'
import type { Reply } from '../reply.ts'
import type { HttpRequestError } from './http-errors.ts'
import { type ProblemKind, problemKinds } from './problem-kinds.ts'

const internal: ProblemKind = { status: 500, title: 'Something went wrong.', ...problemKinds.get('internal') }

/** An error as its client sees it. */
export interface Problem {
  readonly code: string
  readonly reply: Reply
  /** True when the client cannot know the cause, so that someone else should. */
  readonly isFault: boolean
}

/**
 * @param error anything that was thrown
 * @param errorId makes the id under which a fault is logged
 * @see RFC 9457
 */
export function toProblem(error: unknown, errorId: () => string): Problem {
  const code = codeOf(error)
  const kind = problemKinds.get(code) ?? internal
  const isFault = kind.status === 500 || kind.detail !== undefined
  const members = {
    type: `/problems/${code}`,
    title: kind.title,
    status: kind.status,
    detail: kind.detail ?? (error as Error).message,
    code,
    ...(isFault ? { errorId: errorId() } : undefined),
    ...membersOf(code, error),
  }
  const headers = {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    ...(kind.retryAfter === undefined ? undefined : { 'retry-after': String(kind.retryAfter) }),
    ...headersOf(code, error),
  }
  return { code, isFault, reply: { status: kind.status, headers, body: JSON.stringify(members) } }
}

/** @returns the code that the client sees */
export function codeOf(error: unknown): string {
  return isCimError(error) && problemKinds.has(error.code) ? error.code : 'internal'
}

/** What a client can act upon, by code. */
function membersOf(code: string, error: unknown): Readonly<Record<string, unknown>> | undefined {
  switch (code) {
    case 'validation':
      return { errors: (error as ValidationError).issues }
    case 'concurrency':
    case 'version-mismatch': {
      const { aggregateType, aggregateId, expectedVersion, actualVersion } = error as VersionMismatchError
      return { aggregateType, aggregateId, expectedVersion, actualVersion }
    }
    case 'historical-view': {
      const { view, position } = error as HistoricalViewError
      return { view, position }
    }
    case 'command-queue-full':
    case 'unknown-command-id':
    case 'consistency-timeout':
    case 'view-not-ready':
    case 'payload-too-large':
    case 'command-id-reused':
      return fieldsOf(error)
    default:
      return (error as Partial<HttpRequestError> | undefined)?.members
  }
}

function headersOf(code: string, error: unknown): Readonly<Record<string, string>> | undefined {
  switch (code) {
    case 'unauthenticated':
      return { 'www-authenticate': 'Bearer realm="cim"' }
    case 'command-queue-full':
      return { 'retry-after': String(Math.ceil((error as CommandQueueFullError).retryAfterMs / 1000)) }
    case 'version-mismatch':
      return { etag: `"${(error as VersionMismatchError).actualVersion}"` }
    default:
      return (error as Partial<HttpRequestError> | undefined)?.headers
  }
}

/** The typed fields of an error, which repeat nothing but what its message says. */
function fieldsOf(error: unknown): Readonly<Record<string, unknown>> {
  const { name: _name, code: _code, ...fields } = { ...(error as Record<string, unknown>) }
  return fields
}
