/** Schemas of what is under `/admin/sagas`. */

import { listOf, object, ref, text, timestamp, whole } from './schema-parts.ts'
import type { JsonSchema } from './schemas.ts'

/** What an instance may be. */
export const countedStatuses: readonly string[] = ['Running', 'Stuck', 'Compensating', 'Completed', 'Failed']

const any: JsonSchema = {}
const texts = listOf(text)
const reason = object({ code: text, message: text })
const command = object({ commandId: text, command: any, step: text, compensates: text }, ['step', 'compensates'])
const deadline = object({ deadlineId: text, name: text, dueAt: timestamp, data: any }, ['data'])

const common = {
  sagaName: text,
  sagaId: text,
  status: { enum: countedStatuses },
  startedAt: timestamp,
  updatedAt: { ...timestamp, description: 'When something last happened to it.' },
  correlationId: text,
  keys: { ...texts, description: 'Under which events find it beside its id.' },
  doneSteps: { ...texts, description: 'Done and not compensated, in order.' },
  failure: { ...reason, description: 'Why it fails or has failed.' },
}

/** By component name. */
export const sagaSchemas: Readonly<Record<string, JsonSchema>> = {
  SagaTotals: object({
    sagaName: text,
    totals: object(Object.fromEntries(countedStatuses.map((status) => [status, whole]))),
    deadlinesReached: { ...whole, description: 'Since this process has started.' },
  }),
  SagaInList: object(
    {
      ...common,
      error: { ...object({ message: text }), description: 'Why it is stuck.' },
      pendingCommands: whole,
      heldInputs: { ...whole, description: 'What waits while it is stuck.' },
      nextDeadline: object({ name: text, dueAt: timestamp }),
    },
    ['failure', 'error', 'nextDeadline'],
  ),
  SagaPage: object({ sagas: listOf(ref('SagaTotals')), instances: listOf(ref('SagaInList')), next: text }, ['next']),
  SagaInstance: object(
    {
      ...common,
      version: { ...whole, description: 'How many events its journal has.' },
      state: { description: 'Of the saga itself.' },
      startedBy: object({ eventId: text, eventType: text, aggregateType: text, aggregateId: text, position: whole }),
      issued: whole,
      pendingCommands: listOf(command),
      deadlines: listOf(deadline),
      error: { ...object({ message: text, stack: text }, ['stack']), description: 'Why it is stuck.' },
      stuckWhile: { enum: ['Running', 'Compensating'] },
      held: listOf({ type: 'object', required: ['kind'], properties: { kind: text } }),
    },
    ['failure', 'error', 'stuckWhile'],
  ),
  SagaDetail: object(
    {
      instance: ref('SagaInstance'),
      timeline: listOf(ref('DomainEventEnvelope')),
      next: { ...whole, description: "Give it as 'from' to get the next page." },
    },
    ['next'],
  ),
}
