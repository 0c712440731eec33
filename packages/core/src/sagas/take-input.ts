/** What an instance makes of an event, a deadline, and of what became of its commands. */

import { decodeEvent } from '../event-store/domain-event.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { RejectionReason } from '../event-store/event-store.ts'
import { deepFreeze } from '../event-store/freeze.ts'
import type { JournalDraft } from './journal-draft.ts'
import { runHandler } from './run-handler.ts'
import { goOnCompensating } from './saga-compensation.ts'
import { type CommandOutcome, type HeldInput, type PendingCommand, refOf } from './saga-events.ts'
import { hasEnded, isCompensating } from './saga-instance.ts'

export function takeEvent(draft: JournalDraft, envelope: DomainEventEnvelope): void {
  const event = refOf(envelope)
  const { definition, context, instance } = draft
  const { startedBy } = instance
  if (isCompensating(instance) || hasEnded(instance)) return
  // What happened before it began, though it comes only now, does not concern it.
  if (startedBy !== undefined && envelope.position < startedBy.position) return
  if (draft.hold({ kind: 'event', event })) return
  const decoded = deepFreeze(decodeEvent(envelope, definition.upcasters.get(envelope.aggregateType)))
  if (instance.status === 'NotStarted') {
    if (definition.startedBy(decoded) !== context.sagaId) return
    startWith(draft, envelope)
  }
  runHandler(
    draft,
    () => definition.onEvent(draft.instance.state, decoded, context),
    { kind: 'event', event },
    (change) => draft.record({ eventType: 'EventHandled', data: { event, ...change } }),
  )
}

export function startWith(draft: JournalDraft, envelope: DomainEventEnvelope): void {
  const correlationId = envelope.metadata.correlationId ?? envelope.eventId
  const { state } = draft.instance
  draft.record({ eventType: 'SagaStarted', data: { event: refOf(envelope), correlationId, state } })
}

/** Does nothing when the deadline was cancelled meanwhile, or is reached already. */
export function takeDeadline(draft: JournalDraft, deadlineId: string): void {
  const deadline = draft.instance.deadlines.find((pending) => pending.deadlineId === deadlineId)
  if (deadline === undefined) return
  const { name, dueAt, data } = deadline
  const input: HeldInput = { kind: 'deadline', deadline }
  if (draft.hold(input)) return
  runHandler(
    draft,
    () => draft.definition.onDeadline(draft.instance.state, { name, dueAt, data }, draft.context) ?? {},
    input,
    (change) => draft.record({ eventType: 'DeadlineReached', data: { deadlineId, name, ...change } }),
  )
}

/** Does nothing when the outcome is known already. */
export function takeOutcome(draft: JournalDraft, outcome: CommandOutcome): void {
  const { commandId, reason, aggregateId, version, position } = outcome
  const pending = draft.instance.pendingCommands.find((other) => other.commandId === commandId)
  if (pending === undefined || draft.hold({ kind: 'outcome', outcome })) return
  if (reason !== undefined) {
    takeRejection(draft, pending, reason)
    return
  }
  draft.record({
    eventType: 'CommandAccepted',
    data: {
      commandId,
      ...(aggregateId === undefined ? undefined : { aggregateId }),
      ...(version === undefined ? undefined : { version }),
      ...(position === undefined ? undefined : { position }),
    },
  })
  if (draft.instance.status === 'Compensating') goOnCompensating(draft, pending.compensates)
}

function takeRejection(draft: JournalDraft, pending: PendingCommand, reason: RejectionReason): void {
  const { commandId, command, step, compensates } = pending
  const { definition, instance, context } = draft
  const { status } = instance
  if (status === 'Running') {
    const refused = { command, reason, ...(step === undefined ? undefined : { step }) }
    runHandler(
      draft,
      () => definition.onRejected(instance.state, refused, context) ?? {},
      { kind: 'outcome', outcome: { commandId, reason } },
      (change) => draft.record({ eventType: 'CommandRejected', data: { commandId, reason, ...change } }),
    )
    return
  }
  draft.record({ eventType: 'CommandRejected', data: { commandId, reason } })
  if (status !== 'Compensating') return
  if (compensates !== undefined && !definition.isCompensatedBy(compensates, reason.code)) {
    const message = `${command.commandType}, which compensates ${compensates}, was refused: ${reason.message} (${reason.code})`
    draft.stop({ kind: 'compensation', step: compensates, command }, { message })
    return
  }
  goOnCompensating(draft, compensates)
}
