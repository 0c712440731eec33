/** Runs a function of a saga, and makes what it gave into events of the journal. */

import { checkKeys, checkOutcome } from './check-outcome.ts'
import { describeError, type JournalDraft } from './journal-draft.ts'
import { startCompensating } from './saga-compensation.ts'
import type { HeldInput, StateChange } from './saga-events.ts'
import { pendingDeadlines } from './saga-instance.ts'
import type { CheckedOutcome, SagaOutcome } from './saga-outcome.ts'

/**
 * When the function throws, or gives something else than an outcome, nothing of it counts and the saga is stuck.
 * @param draft what the journal gets
 * @param handler the function
 * @param input what it handles
 * @param record makes the event that says so, with the new state; is not called when the function gave nothing
 */
export function runHandler(
  draft: JournalDraft,
  handler: () => SagaOutcome | undefined,
  input: HeldInput,
  record: (change: StateChange) => void,
): void {
  let outcome: CheckedOutcome | undefined
  let keys: readonly string[] | undefined
  try {
    const given = handler()
    outcome = given === undefined ? undefined : checkOutcome(draft.definition, given, draft.context.now)
    keys = changedKeys(draft, outcome !== undefined && 'state' in outcome ? outcome.state : draft.instance.state)
  } catch (error) {
    draft.stop(input, describeError(error))
    return
  }
  if (outcome === undefined && keys === undefined) return
  record({
    ...(outcome !== undefined && 'state' in outcome ? { state: outcome.state } : undefined),
    ...(keys === undefined ? undefined : { keys }),
  })
  if (outcome !== undefined) takeEffects(draft, outcome)
}

function changedKeys({ definition, instance }: JournalDraft, state: unknown): readonly string[] | undefined {
  const keys = checkKeys(definition, definition.keysOf(state))
  const { keys: before } = instance
  return keys.length === before.length && keys.every((key, index) => key === before[index]) ? undefined : keys
}

function takeEffects(draft: JournalDraft, outcome: CheckedOutcome): void {
  const { commands, deadlines, cancelDeadlines, completed, failed } = outcome
  for (const cancelled of cancelDeadlines) {
    const pending = pendingDeadlines(draft.instance).find(({ name }) => name === cancelled)
    if (pending === undefined) continue
    draft.record({ eventType: 'DeadlineCancelled', data: { deadlineId: pending.deadlineId, name: cancelled } })
  }
  for (const due of deadlines) {
    draft.record({ eventType: 'DeadlineScheduled', data: { deadlineId: draft.nextId(), ...due } })
  }
  for (const { command, ...purpose } of commands) draft.issue(command, purpose)
  if (completed) draft.record({ eventType: 'SagaCompleted', data: {} })
  if (failed !== undefined) startCompensating(draft, failed)
}
