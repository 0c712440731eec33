/** Decides what an input makes of a saga's instance: the events of its journal. Pure. */

import type { Rejection } from '../write-side/decision.ts'
import { JournalDraft } from './journal-draft.ts'
import type { SagaDefinition } from './saga.ts'
import type { HeldInput, SagaEvent } from './saga-events.ts'
import { refOf } from './saga-events.ts'
import type { InputContext, SagaInput } from './saga-input.ts'
import type { SagaInstance } from './saga-instance.ts'
import { cancel, retry } from './saga-steering.ts'
import { startWith, takeDeadline, takeEvent, takeOutcome } from './take-input.ts'

/**
 * @param definition the saga
 * @param instance before the input
 * @param input what it is told
 * @param context time, ids and limits
 * @returns the events that the journal gets, none when the input changes nothing; a rejection of what an operator asked for
 */
export function decideOnInput(
  definition: SagaDefinition,
  instance: SagaInstance,
  input: SagaInput,
  context: InputContext,
): readonly SagaEvent[] | Rejection {
  const draft = new JournalDraft(definition, instance, context)
  switch (input.kind) {
    case 'event':
      takeEvent(draft, input.event)
      break
    case 'deadline':
      takeDeadline(draft, input.deadlineId)
      break
    case 'outcome':
      takeOutcome(draft, input.outcome)
      break
    case 'retry':
      return retry(draft, input.events, input.by) ?? draft.events
    case 'cancel':
      return cancel(draft, input.reason, input.by) ?? draft.events
  }
  if (draft.problem === undefined || instance.status === 'Stuck') return draft.events
  return stuckOn(input, draft.problem, new JournalDraft(definition, instance, context))
}

/** What can never be stored makes the instance stuck, as a function that throws does. */
function stuckOn(
  input: SagaInput & { readonly kind: 'event' | 'deadline' | 'outcome' },
  message: string,
  draft: JournalDraft,
): readonly SagaEvent[] {
  if (input.kind === 'event' && draft.instance.status === 'NotStarted') startWith(draft, input.event)
  const held = heldInput(input, draft.instance)
  if (held !== undefined) draft.stop(held, { message })
  return draft.events
}

function heldInput(
  input: SagaInput & { readonly kind: 'event' | 'deadline' | 'outcome' },
  { deadlines }: SagaInstance,
): HeldInput | undefined {
  switch (input.kind) {
    case 'event':
      return { kind: 'event', event: refOf(input.event) }
    case 'outcome':
      return { kind: 'outcome', outcome: input.outcome }
    case 'deadline': {
      const deadline = deadlines.find(({ deadlineId }) => deadlineId === input.deadlineId)
      return deadline === undefined ? undefined : { kind: 'deadline', deadline }
    }
  }
}
