/** A saga's journal: an aggregate whose commands are the saga's inputs. */

import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { EventStoreLimits } from '../event-store/event-store.ts'
import { type AggregateDefinition, defineAggregate } from '../write-side/aggregate.ts'
import { type DecidedEvent, isRejection } from '../write-side/decision.ts'
import type { SagaDefinition } from './saga.ts'
import { decideOnInput } from './saga-decision.ts'
import { type SagaEvent, sagaEventTypes } from './saga-events.ts'
import type { SagaInput } from './saga-input.ts'
import { applySagaEvent, instanceVersion, newInstance, type SagaInstance } from './saga-instance.ts'

/** The only command of a journal; nobody but the runtime sends it. */
export const takeInput = 'TakeInput'

/** Its content is made by the runtime itself. */
const anything: StandardSchemaV1 = {
  '~standard': { version: 1, vendor: 'cim', validate: (value) => ({ value }) },
}

/**
 * @param definition the saga
 * @param limits of the event store; the usual ones when left out
 * @returns the aggregate whose events say all that an instance was told and has decided
 */
export function journalOf(
  definition: SagaDefinition,
  limits?: EventStoreLimits,
): AggregateDefinition<string, SagaInstance> {
  const apply = (instance: SagaInstance, event: unknown): SagaInstance => applySagaEvent(instance, event as SagaEvent)
  return defineAggregate(definition.sagaName, {
    events: Object.fromEntries(sagaEventTypes.map((eventType) => [eventType, anything])),
    commands: { [takeInput]: anything },
    initialState: newInstance(definition.initialState) as SagaInstance,
    decide: {
      [takeInput]: (instance, { data, aggregateId: sagaId, commandId }, { now }) => {
        const input = data as SagaInput
        const context = { now, sagaId, inputId: idOf(input) ?? commandId }
        const decision = decideOnInput(
          definition,
          instance,
          input,
          limits === undefined ? context : { ...context, limits },
        )
        return isRejection(decision as never) ? (decision as never) : (decision as readonly DecidedEvent[] as never)
      },
    },
    apply: Object.fromEntries(sagaEventTypes.map((eventType) => [eventType, apply])),
    stateVersion: instanceVersion,
  }) as never
}

/** What it is about has an id that keeps its time, unlike the command that tells of it. */
function idOf(input: SagaInput): string | undefined {
  if (input.kind === 'outcome') return input.outcome.commandId
  return input.kind === 'deadline' ? input.deadlineId : undefined
}
