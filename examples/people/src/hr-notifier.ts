/** Tells HR of employments: posts to their endpoint until it has answered, and confirms that to the employment. */

import {
  CimError,
  type Command,
  type CommandAcknowledgment,
  classifyFailure,
  type DomainEvent,
  defineReaction,
  deriveUuid,
  type FailureKind,
  hasErrorCode,
  type ReactionContext,
  type ReactionDefinition,
} from '@cim/core'
import { type EmploymentState, employment } from './employment.ts'

/** How HR is told. */
export interface HRNotifierOptions {
  /** Where notifications are posted, `http:` or `https:`. When left out, nobody is told, and they are confirmed at once. */
  readonly url?: string | undefined
  /** How long the endpoint may take to answer; 10,000 ms when left out. */
  readonly timeoutMs?: number
  /** Gets the notifications that are not sent, as there is no URL. */
  readonly onUnsent?: (notification: object) => void
}

/** What the notifier needs of the application that it runs in. */
export interface HRNotifierTarget {
  readonly dispatch: (command: Command) => Promise<CommandAcknowledgment>
  readonly employment: (employmentId: string) => Promise<EmploymentState>
}

/** HR's endpoint cannot be reached, is too slow, or says that it cannot now. It is tried again until it can. */
export class HRUnavailableError extends CimError {
  override readonly name = 'HRUnavailableError'
  readonly code = 'hr-unavailable'
}

/** HR's endpoint does not take the notification, and would not another time. */
export class HRRefusedError extends CimError {
  override readonly name = 'HRRefusedError'
  readonly code = 'hr-refused'
}

/** For the failure policy of the processors: a refused notification is parked at once, an endpoint that is down is tried again. */
export function classifyHRFailure(error: unknown): FailureKind {
  if (hasErrorCode(error, 'hr-refused')) return 'permanent'
  return hasErrorCode(error, 'hr-unavailable') ? 'transient' : classifyFailure(error)
}

/**
 * Each notification is posted at least once, in the order of its employment, under an idempotency key that stays the same.
 * @param options where to
 * @param target the application, which is asked only once the reaction runs
 * @throws {TypeError} when the URL is none
 */
export function defineHRNotifier(options: HRNotifierOptions, target: HRNotifierTarget): ReactionDefinition {
  const { timeoutMs = 10_000, onUnsent } = options
  const url = options.url === undefined ? undefined : new URL(options.url)
  const tell = async (notification: object, { idempotencyKey, signal }: ReactionContext): Promise<void> => {
    if (url === undefined) onUnsent?.(notification)
    else await post(url, notification, { idempotencyKey, signal, timeoutMs })
  }
  return defineReaction('HRNotifier', {
    from: [employment],
    // There were no such requests before there was this reaction, so it can miss none of them.
    startAt: 'beginning',
    on: {
      HRNotificationRequested: async (event, context) => {
        const { aggregateId: employmentId, data } = event
        // Whatever is confirmed is not sent again, also when the reaction has forgotten how far it was.
        if ((await target.employment(employmentId)).hrNotification === 'Confirmed') return
        await tell({ notification: 'EmploymentStarted', employmentId, ...data }, context)
        await confirm(event, target)
      },
      EmploymentEnded: ({ aggregateId: employmentId, data: { isKnownToHR, ...data } }, context) =>
        isKnownToHR === true ? tell({ notification: 'EmploymentEnded', employmentId, ...data }, context) : undefined,
    },
  })
}

async function confirm(
  { aggregateId, eventId, metadata: { correlationId } }: DomainEvent<string, unknown, 'Employment'>,
  { dispatch }: HRNotifierTarget,
): Promise<void> {
  const commandId = deriveUuid('ConfirmHRNotification', eventId)
  const ids = correlationId === undefined ? { commandId } : { commandId, correlationId }
  await dispatch(employment.command('ConfirmHRNotification', {}, { aggregateId, ...ids }))
}

async function post(
  url: URL,
  notification: object,
  {
    idempotencyKey,
    signal,
    timeoutMs,
  }: { readonly idempotencyKey: string; readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<void> {
  // What comes after the path may be secret.
  const where = `HR's endpoint ${url.origin}${url.pathname}`
  let status: number
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
      body: JSON.stringify(notification),
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    })
    status = response.status
    await response.body?.cancel()
  } catch (cause) {
    signal.throwIfAborted()
    const problem = describe(cause)
    throw new HRUnavailableError(`${where} did not answer (${problem}). It is tried again until it does.`, { cause })
  }
  if (status >= 200 && status < 300) return
  if (status >= 500 || status === 408 || status === 429) {
    throw new HRUnavailableError(`${where} answered ${status}. It is tried again until it takes the notification.`)
  }
  throw new HRRefusedError(
    `${where} refused a notification: it answered ${status}, expected 2xx. Mend it or the URL, then retry the dead letter.`,
  )
}

function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  return cause.cause instanceof Error ? `${cause.message}: ${cause.cause.message}` : cause.message
}
