/** A saga whose events say what it shall do, and one instance of it. Tested itself when it is run by itself. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { EventStoreLimits } from '../event-store/event-store.ts'
import { deepFreeze } from '../event-store/freeze.ts'
import { encodeJson } from '../event-store/json.ts'
import type { Schema } from '../schema/schema.ts'
import { defineAggregate } from '../write-side/aggregate.ts'
import type { Command } from '../write-side/command.ts'
import { event, reject } from '../write-side/decision.ts'
import { defineSaga, type SagaDefinition } from './saga.ts'
import { decideOnInput } from './saga-decision.ts'
import type { HeldInput, SagaEvent } from './saga-events.ts'
import type { SagaInput } from './saga-input.ts'
import { applySagaEvent, newInstance, type SagaInstance } from './saga-instance.ts'
import type { SagaOutcome } from './saga-outcome.ts'

/** What a function of the saga does. */
export interface Script {
  readonly gives?: SagaOutcome
  /** What it throws, as long as {@link obstacles} has it. */
  readonly throws?: string
  /** Instances that it concerns beside the one of its aggregate. */
  readonly to?: readonly (string | { readonly key: string })[]
}

export interface ScriptedState {
  readonly notes: readonly string[]
  readonly keys?: readonly string[]
}

/** What is in the way at the moment; a test removes it. */
export const obstacles: Set<string> = new Set()

function act({ throws, gives }: Script = {}): SagaOutcome<ScriptedState, 'Alarm' | 'Bell'> | undefined {
  if (throws !== undefined && obstacles.has(throws)) throw new Error(throws)
  return gives as SagaOutcome<ScriptedState, 'Alarm' | 'Bell'> | undefined
}

function anything<TData>(): Schema<TData> {
  return { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as TData }) } }
}

/** A plan is begun and noted on; it does what it is told, and refuses what it is told to refuse. */
export const plan = defineAggregate('Plan', {
  events: { Begun: anything<Script>(), Noted: anything<Script>(), Done: anything<{ readonly name: string }>() },
  commands: {
    Begin: anything<Script>(),
    Note: anything<Script>(),
    Do: anything<{ readonly name: string; readonly refuse?: string }>(),
  },
  initialState: { done: [] as readonly string[] },
  decide: {
    Begin: (_, { data }) => [event('Begun', data)],
    Note: (_, { data }) => [event('Noted', data)],
    Do: (_, { data: { name, refuse } }) =>
      refuse === undefined || !obstacles.has(refuse) ? [event('Done', { name })] : reject(refuse, `It is ${refuse}.`),
  },
  apply: {
    Begun: (state) => state,
    Noted: (state) => state,
    Done: ({ done }, { data }) => ({ done: [...done, data.name] }),
  },
})

/** @returns a command to some plan, which refuses it while this is in the way */
export function order(name: string, refuse?: string): Command {
  const data = refuse === undefined ? { name } : { name, refuse }
  return plan.command('Do', data, { aggregateId: plan.id('target') }) as Command
}

/** Steps A, B and C are compensated by one command each, `Twice` by two, and `Broken` throws while that is in the way. */
export const scripted: SagaDefinition = defineSaga('Scripted', {
  from: [plan],
  startAt: 'beginning',
  initialState: { notes: [] } as ScriptedState,
  startedBy: { Begun: ({ aggregateId }) => aggregateId },
  concerns: { Noted: ({ aggregateId, data }) => [aggregateId, ...(data.to ?? [])] },
  keys: ({ keys = [] }) => keys,
  on: { Begun: (_, { data }) => act(data), Noted: (_, { data }) => act(data) },
  onDeadline: { Alarm: (_, { data }) => act(data as Script), Bell: (_, { data }) => act(data as Script) },
  onRejected: { Note: (_, { command }) => act(command.data as Script) },
  compensate: {
    A: { commands: () => order('undo A', 'no undo'), unlessRejectedWith: ['not needed'] },
    B: () => order('undo B'),
    C: () => order('undo C'),
    Twice: () => [order('undo 1', 'no undo'), order('undo 2')],
    Broken: () => {
      if (obstacles.has('broken')) throw new Error('broken')
      return []
    },
  },
}) as SagaDefinition

/** @returns a stored event of a plan */
export function stored(eventType: 'Begun' | 'Noted', eventData: Script, position: number): DomainEventEnvelope {
  const metadata = { correlationId: 'k-1' }
  const place = { aggregateType: 'Plan', aggregateId: 'p-1', sequence: position, position }
  return deepFreeze({
    ...{ ...place, eventId: `e-${position}`, eventType, schemaVersion: 1, metadata },
    ...{ eventData: encodeJson(eventData).value, timestamp: '2026-01-01T00:00:00.000Z' },
  })
}

/** One instance, and its journal. */
export class Trial {
  readonly journal: SagaEvent[] = []
  readonly #definition: SagaDefinition
  readonly #limits: EventStoreLimits | undefined
  readonly #events: DomainEventEnvelope[] = []
  instance: SagaInstance
  #inputs = 0
  now = '2026-01-01T00:00:00.000Z'

  constructor(definition: SagaDefinition = scripted, limits?: EventStoreLimits) {
    this.#definition = definition
    this.#limits = limits
    this.instance = deepFreeze(newInstance(definition.initialState))
  }

  /** @returns the types of the events that the journal got, or the code of a rejection */
  tell(input: SagaInput): readonly string[] | string {
    const context = { now: this.now, sagaId: 'p-1', inputId: `i-${++this.#inputs}` }
    const limits = this.#limits === undefined ? undefined : { limits: this.#limits }
    const decision = decideOnInput(this.#definition, this.instance, input, { ...context, ...limits })
    if ('rejected' in decision) return decision.rejected.code
    for (const decided of decision) {
      const added = deepFreeze(encodeJson(decided).value) as SagaEvent
      this.journal.push(added)
      this.instance = deepFreeze(applySagaEvent(this.instance, added))
    }
    return decision.map(({ eventType }) => eventType)
  }

  begin(script: Script): readonly string[] | string {
    return this.tell({ kind: 'event', event: this.#store('Begun', script) })
  }

  note(script: Script): readonly string[] | string {
    return this.tell({ kind: 'event', event: this.#store('Noted', script) })
  }

  #store(eventType: 'Begun' | 'Noted', script: Script): DomainEventEnvelope {
    const envelope = stored(eventType, script, this.#events.length + 1)
    this.#events.push(envelope)
    return envelope
  }

  reach(name: string): readonly string[] | string {
    const deadlineId = this.instance.deadlines.find((pending) => pending.name === name)?.deadlineId ?? 'none'
    return this.tell({ kind: 'deadline', deadlineId })
  }

  /** Answers the command with this name that was issued first; @param code that of a refusal */
  answer(name: string, code?: string): readonly string[] | string {
    const answered = this.instance.held.flatMap((input: HeldInput) =>
      input.kind === 'outcome' ? [input.outcome.commandId] : [],
    )
    const { commandId } =
      this.instance.pendingCommands.find(
        (pending) => (pending.command.data as { name: string }).name === name && !answered.includes(pending.commandId),
      ) ?? assert.fail(`Nobody has issued ${name}.`)
    const reason = code === undefined ? undefined : { reason: { code, message: `It is ${code}.` } }
    return this.tell({
      kind: 'outcome',
      outcome: { commandId, ...(reason ?? { aggregateId: 'target', version: 1, position: 9 }) },
    })
  }

  retry(): readonly string[] | string {
    return this.tell({ kind: 'retry', events: this.#events })
  }

  cancel(): readonly string[] | string {
    return this.tell({ kind: 'cancel', reason: 'enough' })
  }

  /** The names of commands that nobody has answered. */
  get pending(): readonly string[] {
    return this.instance.pendingCommands.map(({ command }) => (command.data as { readonly name: string }).name)
  }
}

if (import.meta.main) {
  test('a scripted saga does what its events say', () => {
    const trial = new Trial()
    assert.deepEqual(trial.begin({ gives: { commands: [order('a')] } }), [
      'SagaStarted',
      'EventHandled',
      'CommandIssued',
    ])
    assert.deepEqual(trial.pending, ['a'])
    assert.deepEqual(trial.answer('a'), ['CommandAccepted'])
  })
}
