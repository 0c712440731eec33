/** A command that waits to be executed, as an aggregate: durable and audited like everything else. */

import { UndecodableEventError } from '../errors/event-errors.ts'
import type { AggregateRef } from '../event-store/aggregate-ref.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import { subjectOf } from '../event-store/subject-pattern.ts'
import type { Schema } from '../schema/schema.ts'
import { type AggregateDefinition, defineAggregate } from '../write-side/aggregate.ts'
import type { CommandAcknowledgment } from '../write-side/command-acknowledgment.ts'
import type { PreparedCommand } from '../write-side/prepared-command.ts'

/** Data of the event `CommandQueued`. */
export type CommandQueued = PreparedCommand

/** Data of the event `CommandFinished`. */
export interface CommandFinished {
  readonly acknowledgment: CommandAcknowledgment
}

/** What is known of a queued command. */
export interface QueuedCommandState {
  readonly status: 'Unknown' | CommandAcknowledgment['status']
  readonly queued?: CommandQueued
  readonly acknowledgment?: CommandAcknowledgment
}

const unknownCommand: QueuedCommandState = { status: 'Unknown' }

/** Its id is the command's id. It takes no commands: the queue itself writes its events. */
export const queuedCommand: AggregateDefinition<
  'QueuedCommand',
  QueuedCommandState,
  { readonly commands: Readonly<Record<never, unknown>>; readonly events: QueuedCommandEvents }
> = defineAggregate('QueuedCommand', {
  events: {
    CommandQueued: withObjects<CommandQueued>('command'),
    CommandFinished: withObjects<CommandFinished>('acknowledgment'),
  },
  commands: {},
  initialState: unknownCommand,
  decide: {},
  apply: {
    CommandQueued: (_, { data }) => ({ status: 'Pending', queued: data }),
    CommandFinished: (state, { data: { acknowledgment } }) => ({
      ...state,
      status: acknowledgment.status,
      acknowledgment,
    }),
  },
})

type QueuedCommandEvents = { readonly CommandQueued: CommandQueued; readonly CommandFinished: CommandFinished }

/** Subjects of all events of the queue, and of those alone that there is something to do about. */
export const queueSubjects: string = subjectOf('QueuedCommand', '*')
export const queuedSubject: string = subjectOf('QueuedCommand', 'CommandQueued')

/** @returns the aggregate of a command */
export function queuedCommandRef(commandId: string): AggregateRef {
  return { aggregateType: queuedCommand.aggregateType, aggregateId: commandId }
}

/** @throws {UndecodableEventError} when somebody else has written the event, and not as the queue does */
export function readQueued(envelope: DomainEventEnvelope): CommandQueued {
  const queued = envelope.eventData as CommandQueued
  if (isObject(queued) && isObject(queued.command) && typeof queued.aggregateType === 'string') return queued
  throw new UndecodableEventError(envelope, 'it holds no command. Only the queue writes such events.')
}

/** @returns what the sender is told while the command waits */
export function pendingAcknowledgment(queued: CommandQueued, timestamp: string): CommandAcknowledgment {
  const { aggregateId, commandId } = queued.command
  return { status: 'Pending', aggregateId, version: 0, position: 0, timestamp, commandId }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

/** Takes every object in which the property is one; what it holds is checked where it comes from. */
function withObjects<TData>(property: keyof TData & string): Schema<TData> {
  const validate = (value: unknown) =>
    isObject(value) && isObject((value as Record<string, unknown>)[property])
      ? { value: value as TData }
      : { issues: [{ message: 'must be an object', path: [property] }] }
  return { '~standard': { version: 1, vendor: 'cim', validate } }
}
