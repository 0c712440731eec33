/** What operators may do with an instance: let a stuck one go on, or end one. */

import { InvalidDefinitionError } from '../errors/input-errors.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import { type Rejection, reject } from '../write-side/decision.ts'
import type { JournalDraft } from './journal-draft.ts'
import { goOnCompensating } from './saga-compensation.ts'
import type { HeldInput } from './saga-events.ts'
import { takeDeadline, takeEvent, takeOutcome } from './take-input.ts'

/**
 * The inputs that wait are taken in order, until one makes the saga stuck again, or one append can hold no more.
 * @param draft what the journal gets
 * @param events those that wait, or the first ones of them
 * @param by who asks for it
 */
export function retry(
  draft: JournalDraft,
  events: readonly DomainEventEnvelope[],
  by: string | undefined,
): Rejection | undefined {
  const { status, held, stuckWhile: resumes = 'Running' } = draft.instance
  if (status !== 'Stuck') return reject('saga-not-stuck', `The saga is ${status}: only a stuck one can be retried.`)
  const begin = draft.mark()
  const known = new Map(events.map((event) => [event.eventId, event]))
  let taken = held.length
  for (;;) {
    draft.record({ eventType: 'SagaRetried', data: { resumes, taken, ...(by === undefined ? undefined : { by }) } })
    const most = taken
    taken = takeHeld(draft, held.slice(0, most), known)
    if (taken === most) break
    // The first event says how many are taken, which nobody knew before they were.
    begin()
  }
  if (taken === 0 && held.length > 0) return tooLarge(draft)
  const { status: next, held: waiting } = draft.instance
  if (waiting.length > 0 && (next === 'Running' || next === 'Compensating')) {
    const message = `${waiting.length} inputs still wait: one append could hold no more. Retry once more.`
    draft.record({ eventType: 'SagaStuck', data: { error: { message, isUnfinishedRetry: true }, stuckWhile: next } })
  }
  return undefined
}

/** @returns how many were taken */
function takeHeld(
  draft: JournalDraft,
  held: readonly HeldInput[],
  events: ReadonlyMap<string, DomainEventEnvelope>,
): number {
  for (const [index, input] of held.entries()) {
    const undo = draft.mark()
    if (!takeAgain(draft, input, events, index === 0) || draft.problem !== undefined) {
      if (index > 0) undo()
      return index
    }
    if (draft.instance.status === 'Stuck') return index + 1
  }
  return held.length
}

/** @returns false when it was not given; @throws {InvalidDefinitionError} when it is the first */
function takeAgain(
  draft: JournalDraft,
  input: HeldInput,
  events: ReadonlyMap<string, DomainEventEnvelope>,
  isFirst: boolean,
): boolean {
  switch (input.kind) {
    case 'event': {
      const envelope = events.get(input.event.eventId)
      if (envelope !== undefined) takeEvent(draft, envelope)
      else if (isFirst) throw notGiven(draft, input.event.position)
      return envelope !== undefined
    }
    case 'deadline':
      takeDeadline(draft, input.deadline.deadlineId)
      return true
    case 'outcome':
      takeOutcome(draft, input.outcome)
      return true
    case 'compensation':
      if (input.command === undefined) goOnCompensating(draft, undefined)
      else draft.issue(input.command, { compensates: input.step })
      return true
  }
}

/**
 * Ends an instance, and compensates what it has done.
 * @param draft what the journal gets
 * @param reason in words
 * @param by who asks for it
 */
export function cancel(draft: JournalDraft, reason: string, by: string | undefined): Rejection | undefined {
  const { status, stuckWhile, held } = draft.instance
  if (status === 'NotStarted') return reject('saga-not-started', 'There is no such saga. Check its name and its id.')
  if (status !== 'Running' && status !== 'Stuck') return reject('saga-not-running', `The saga is ${status} already.`)
  const data = stuckWhile === undefined ? { reason } : { reason, resumes: stuckWhile }
  draft.record({ eventType: 'SagaCancelled', data: by === undefined ? data : { ...data, by } })
  const [cause] = held
  if (stuckWhile !== 'Compensating') {
    draft.record({ eventType: 'CompensationStarted', data: { reason: { code: 'cancelled', message: reason } } })
  } else if (cause?.kind === 'compensation') {
    draft.record({ eventType: 'StepAbandoned', data: { step: cause.step } })
  }
  // What became of commands meanwhile says what there is to compensate; the other inputs are too late.
  for (const input of held) if (input.kind === 'outcome') takeOutcome(draft, input.outcome)
  if (draft.instance.status === 'Compensating') goOnCompensating(draft, undefined)
  return draft.problem === undefined ? undefined : tooLarge(draft)
}

function tooLarge({ problem = '' }: JournalDraft): Rejection {
  return reject('saga-too-large', problem)
}

function notGiven({ definition, context }: JournalDraft, position: number): InvalidDefinitionError {
  return new InvalidDefinitionError(
    `Saga ${definition.sagaName} ${context.sagaId}: the held event at position ${position} was not given. Give every event that it holds.`,
  )
}
