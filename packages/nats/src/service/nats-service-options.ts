/** Options of a service over NATS. */

import { type Application, checkOptions, checkWholeNumber } from '@cim/core'
import type { NatsConnection } from '@nats-io/nats-core'
import type { WireHeaders } from '../wire/wire-message.ts'

/** Who sent a request. The two ids become metadata of events, everything is handed to `authorize`. */
export interface NatsPrincipal {
  readonly userId?: string
  readonly sessionId?: string
  readonly [claim: string]: unknown
}

/** What is known of a request before it is read. */
export interface NatsRequest {
  readonly subject: string
  readonly headers: WireHeaders
}

/** What {@link NatsService} takes. */
export interface NatsServiceOptions {
  /** It stays open when the service stops. */
  readonly connection: NatsConnection
  /** Started, so that queries find their views. */
  readonly application: Application
  /** Stands before all subjects: `shop` gives `shop.commands.>`. */
  readonly subjectPrefix?: string
  /** Processes with the same one share the requests; `cim` when left out. */
  readonly queueGroup?: string
  /** How many requests are answered at once; more are refused as busy. 256 when left out. */
  readonly maxInFlight?: number
  /** How long one may take; 35,000 ms when left out, more than the longest wait of a query. */
  readonly timeoutMs?: number
  /**
   * Finds out who sent a request; undefined refuses it. When left out, whoever may publish to these subjects is trusted, and the
   * `user_id` and `session_id` of a command are taken as they are. With it, they are taken from the principal alone.
   */
  readonly authenticate?: (request: NatsRequest) => NatsPrincipal | undefined | Promise<NatsPrincipal | undefined>
  /** False: starts without looking whether a stream takes the subjects. */
  readonly checkStreams?: boolean
  /** Is told of every fault on this side, with the id that its requester was given. */
  readonly onError?: (error: unknown, fault: { readonly errorId: string; readonly subject: string }) => void
}

/** {@link NatsServiceOptions} with defaults filled in. */
export type CheckedNatsServiceOptions = NatsServiceOptions &
  Required<Pick<NatsServiceOptions, 'queueGroup' | 'maxInFlight' | 'timeoutMs' | 'onError'>>

/** @throws {InvalidOptionError} when an option is unknown or out of range */
export function checkNatsServiceOptions(options: NatsServiceOptions): CheckedNatsServiceOptions {
  const subject = 'NatsService'
  checkOptions(subject, options, [
    'connection',
    'application',
    'subjectPrefix',
    'queueGroup',
    'maxInFlight',
    'timeoutMs',
    'authenticate',
    'checkStreams',
    'onError',
  ])
  return {
    ...options,
    queueGroup: options.queueGroup ?? 'cim',
    maxInFlight: checkWholeNumber(subject, 'maxInFlight', options.maxInFlight ?? 256, { least: 1 }),
    timeoutMs: checkWholeNumber(subject, 'timeoutMs', options.timeoutMs ?? 35_000, { least: 1, most: 2 ** 31 - 1 }),
    onError: (error, fault) => {
      try {
        options.onError?.(error, fault)
      } catch {
        // The requester still gets its answer.
      }
    },
  }
}
