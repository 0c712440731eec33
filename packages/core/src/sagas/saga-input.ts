/** What an instance of a saga is told, and under which circumstances. */

import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { EventStoreLimits } from '../event-store/event-store.ts'
import type { SagaContext } from './saga.ts'
import type { CommandOutcome } from './saga-events.ts'

/** What an instance is told. */
export type SagaInput =
  | { readonly kind: 'event'; readonly event: DomainEventEnvelope }
  | { readonly kind: 'deadline'; readonly deadlineId: string }
  | { readonly kind: 'outcome'; readonly outcome: CommandOutcome }
  /** With the events that it holds, or the first ones of them. */
  | { readonly kind: 'retry'; readonly events: readonly DomainEventEnvelope[]; readonly by?: string }
  | { readonly kind: 'cancel'; readonly reason: string; readonly by?: string }

/** Circumstances of a decision. */
export interface InputContext extends SagaContext {
  /** The input's own id: the ids of what it causes are derived from it. */
  readonly inputId: string
  /** What one append to the journal may hold; the usual limits when left out. */
  readonly limits?: EventStoreLimits
}
