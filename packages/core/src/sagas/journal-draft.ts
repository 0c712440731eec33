/** What one input adds to the journal of a saga's instance. */

import { messageOf, textOf } from '../errors/message-of.ts'
import { defaultLimits } from '../event-store/event-store-options.ts'
import { deepFreeze } from '../event-store/freeze.ts'
import { deriveUuid } from '../event-store/uuid.ts'
import type { Command } from '../write-side/command.ts'
import type { SagaContext, SagaDefinition } from './saga.ts'
import type { HeldInput, PendingCommand, SagaError, SagaEvent } from './saga-events.ts'
import type { InputContext } from './saga-input.ts'
import { applySagaEvent, isCompensating, type SagaInstance } from './saga-instance.ts'

const utf8 = new TextEncoder()
/** One event more, which says that a retry is unfinished, must always fit. */
const reservedBytes = 1024

/** Collects events and knows the instance after them. */
export class JournalDraft {
  readonly definition: SagaDefinition
  readonly #input: InputContext
  #events: SagaEvent[] = []
  #instance: SagaInstance
  #bytes = 0
  #problem: string | undefined

  constructor(definition: SagaDefinition, instance: SagaInstance, input: InputContext) {
    this.definition = definition
    this.#instance = instance
    this.#input = input
  }

  get events(): readonly SagaEvent[] {
    return this.#events
  }

  get instance(): SagaInstance {
    return this.#instance
  }

  /** What the functions of the saga are told. */
  get context(): SagaContext {
    const { now, sagaId } = this.#input
    return { now, sagaId }
  }

  /** Why the event store will not take all of this in one append, undefined when it will. */
  get problem(): string | undefined {
    return this.#problem
  }

  record(event: SagaEvent): void {
    this.#events.push(event)
    // A function of the saga that changes what it was given must fail at once, not change the journal.
    this.#instance = applySagaEvent(this.#instance, deepFreeze(event))
    this.#measure(event)
  }

  issue(command: Command, purpose: Pick<PendingCommand, 'step' | 'compensates'>): void {
    this.record({ eventType: 'CommandIssued', data: { commandId: this.nextId(), command, ...purpose } })
  }

  /** @returns an id that the same input gives again */
  nextId(): string {
    const { sagaId, inputId } = this.#input
    return deriveUuid(`${this.definition.sagaName} ${sagaId} ${this.#instance.issued}`, inputId)
  }

  stop(input: HeldInput, error: SagaError): void {
    const stuckWhile = isCompensating(this.#instance) ? 'Compensating' : 'Running'
    this.record({ eventType: 'SagaStuck', data: { input, error, stuckWhile } })
  }

  /** Lets an input wait when the saga is stuck. @returns whether it waits */
  hold(input: HeldInput): boolean {
    if (this.#instance.status !== 'Stuck') return false
    this.record({ eventType: 'InputHeld', data: { input } })
    return true
  }

  /** @returns a function that takes back everything since */
  mark(): () => void {
    const [count, instance, bytes, problem] = [this.#events.length, this.#instance, this.#bytes, this.#problem]
    return () => {
      this.#events.length = count
      this.#instance = instance
      this.#bytes = bytes
      this.#problem = problem
    }
  }

  #measure({ eventType, data }: SagaEvent): void {
    const { maxAppendBytes, maxEventBytes, maxEventsPerAppend } = this.#input.limits ?? defaultLimits
    const bytes = utf8.encode(JSON.stringify(data)).length
    this.#bytes += bytes
    if (bytes > maxEventBytes) {
      this.#problem ??= `The event ${eventType} would have ${bytes} bytes of JSON; the event store takes ${maxEventBytes}. Keep less in it.`
    } else if (this.#events.length >= maxEventsPerAppend) {
      this.#problem ??= `This would make ${maxEventsPerAppend} events of the journal or more at once, which the event store does not take. Issue fewer commands at a time.`
    } else if (this.#bytes > maxAppendBytes - reservedBytes) {
      this.#problem ??= `This would add more than ${maxAppendBytes} bytes to the journal at once, which the event store does not take. Keep less in the state and in commands.`
    }
  }
}

/** @param error anything that a function of a saga threw */
export function describeError(error: unknown): SagaError {
  const message = messageOf(error)
  const stack = error instanceof Error ? textOf(() => error.stack ?? '') : ''
  return stack === '' ? { message } : { message, stack }
}
