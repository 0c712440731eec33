/** Takes back what a saga has done, step by step, the last one first. */

import type { RejectionReason } from '../event-store/event-store.ts'
import type { Command } from '../write-side/command.ts'
import { checkCompensation } from './check-outcome.ts'
import { describeError, type JournalDraft } from './journal-draft.ts'

export function startCompensating(draft: JournalDraft, reason: RejectionReason): void {
  draft.record({ eventType: 'CompensationStarted', data: { reason } })
  goOnCompensating(draft, undefined)
}

/**
 * Waits for every command under way: what is accepted meanwhile has to be compensated too.
 * @param step the step of which a command was answered just now, if it was one that compensates
 */
export function goOnCompensating(draft: JournalDraft, step: string | undefined): void {
  if (step !== undefined && !draft.instance.pendingCommands.some(({ compensates }) => compensates === step)) {
    draft.record({ eventType: 'StepCompensated', data: { step } })
  }
  while (draft.instance.pendingCommands.length === 0) {
    const { doneSteps, state } = draft.instance
    const reason = draft.instance.failure ?? { code: 'failed', message: 'The saga has failed.' }
    const last = doneSteps.at(-1)
    if (last === undefined) {
      draft.record({ eventType: 'SagaFailed', data: { reason } })
      return
    }
    let commands: readonly Command[]
    try {
      commands = checkCompensation(
        draft.definition,
        last,
        draft.definition.compensate(last, state, { ...draft.context, reason }),
      )
    } catch (error) {
      draft.stop({ kind: 'compensation', step: last }, describeError(error))
      return
    }
    for (const command of commands) draft.issue(command, { compensates: last })
    if (commands.length === 0) draft.record({ eventType: 'StepCompensated', data: { step: last } })
  }
}
