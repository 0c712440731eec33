/** Errors as problem documents in replies. */

import { isCimError, type ValidationError, type VersionMismatchError } from '@cim/core'
import { toBytes } from '../wire/json-body.ts'
import { encodeHeader, problemContentType, type WireMessage } from '../wire/wire-message.ts'

interface ProblemKind {
  readonly title: string
  /** Stands in for the error's own message where that may speak of files or other internals. */
  readonly detail?: string
  /** Seconds after which it makes sense to try again. */
  readonly retryAfter?: number
}

const internal: ProblemKind = {
  title: 'Something went wrong.',
  detail: 'The cause is in the log of the service, under this errorId.',
}
const stored = 'Nothing was stored. Try again later.'

/** Every code that a requester can meet, as over HTTP but for its statuses. Any other error is `internal`. */
const kinds: ReadonlyMap<string, ProblemKind> = new Map<string, ProblemKind>([
  ['validation', { title: 'The input is not valid.' }],
  ['unauthenticated', { title: 'Say who you are.' }],
  ['forbidden', { title: 'You may not do this.' }],
  ['unknown-command', { title: 'There is no such command.' }],
  ['unknown-query', { title: 'There is no such query.' }],
  ['concurrency', { title: 'Others kept changing the aggregate. Send the command again.' }],
  ['command-id-reused', { title: 'The command id was used for another command.' }],
  ['version-mismatch', { title: 'The aggregate has another version.' }],
  ['payload-too-large', { title: 'The content is larger than the event store accepts.' }],
  ['historical-view', { ...internal, title: 'A view cannot be shown as it was.' }],
  ['consistency-timeout', { title: 'The view is not that far yet.', retryAfter: 1 }],
  ['view-not-ready', { title: 'The view is being built.', retryAfter: 5 }],
  ['command-queue-full', { title: 'Too many commands wait.', retryAfter: 5 }],
  ['application-stopped', { title: 'The application does not run.', retryAfter: 5 }],
  ['service-busy', { title: 'The service is busy.', retryAfter: 1 }],
  ['service-timeout', { title: 'The service did not answer in time.', retryAfter: 1 }],
  ['reply-too-large', { title: 'The answer is too large.' }],
  ['store-closed', { title: 'The store is closed.', detail: stored, retryAfter: 5 }],
  ['store-locked', { title: 'The store is in use.', detail: stored, retryAfter: 5 }],
  ['store-full', { title: 'No room is left.', detail: stored, retryAfter: 30 }],
  [
    'store-unavailable',
    { title: 'The store does not answer.', detail: 'Try again under the same command id.', retryAfter: 5 },
  ],
])

/** An error as its requester sees it. */
export interface Problem {
  readonly message: WireMessage
  /** True when the requester cannot know the cause, so that someone else should. */
  readonly isFault: boolean
}

/**
 * @param error anything that was thrown
 * @param errorId the id under which a fault is logged
 * @see RFC 9457; the members are those of the HTTP API, without a status
 */
export function toProblem(error: unknown, errorId: string): Problem {
  const code = isCimError(error) && kinds.has(error.code) ? error.code : 'internal'
  const kind = kinds.get(code) ?? internal
  const isFault = kind.detail !== undefined
  const body = {
    type: `/problems/${code}`,
    title: kind.title,
    detail: kind.detail ?? (error as Error).message,
    code,
    ...(isFault ? { errorId } : undefined),
    ...(kind.retryAfter === undefined ? undefined : { retryAfter: kind.retryAfter }),
    ...membersOf(code, error),
  }
  const headers = {
    'Content-Type': problemContentType,
    // As services of other makers say it: https://github.com/nats-io/nats-architecture-and-design, ADR-32.
    'Nats-Service-Error-Code': code,
    'Nats-Service-Error': encodeHeader(kind.title),
  }
  return { isFault, message: { headers, body: toBytes(body) } }
}

/** What a requester can act upon, by code. */
function membersOf(code: string, error: unknown): Readonly<Record<string, unknown>> | undefined {
  switch (code) {
    case 'validation':
      return { errors: (error as ValidationError).issues }
    case 'concurrency':
    case 'version-mismatch': {
      const { aggregateType, aggregateId, expectedVersion, actualVersion } = error as VersionMismatchError
      return { aggregateType, aggregateId, expectedVersion, actualVersion }
    }
    case 'consistency-timeout':
    case 'view-not-ready':
    case 'payload-too-large':
    case 'command-id-reused':
    case 'command-queue-full':
    case 'service-timeout': {
      const { name: _name, code: _code, ...fields } = { ...(error as Record<string, unknown>) }
      return fields
    }
    default:
      return undefined
  }
}
