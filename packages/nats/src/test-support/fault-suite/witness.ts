/** Hears what the processes of the fault suite were told, and compares it with what is stored. */

import assert from 'node:assert/strict'
import type { DomainEventEnvelope, EventStore } from '@cim/core'
import { checkLinearizability, type Operation, type Violation } from '@cim/testing'
import { allEvents, person } from '../sample-events.ts'
import type { Told, ToldAppend, ToldCommand } from './told.ts'

/** An event, as far as it matters here. */
export type SeenEvent = Pick<DomainEventEnvelope, 'eventId' | 'aggregateId' | 'sequence' | 'position'>

/** @returns what matters of an event */
export function seen({ eventId, aggregateId, sequence, position }: SeenEvent): SeenEvent {
  return { eventId, aggregateId, sequence, position }
}

/** Knows the whole history of a run. */
export class Witness {
  readonly #history: Operation[] = []
  readonly #commands = new Map<string, ToldCommand>()
  readonly #acknowledged: ToldAppend[] = []
  /** What contradicts something that was heard before. */
  readonly faults: string[] = []

  hear(told: Told): void {
    if (told.kind === 'command') this.#hearCommand(told)
    else {
      this.#history.push(told)
      if (told.kind === 'append' && told.outcome.kind === 'stored') this.#acknowledged.push(told)
    }
  }

  /** How many appends were acknowledged so far. */
  get acknowledged(): number {
    return this.#acknowledged.length
  }

  /** How many operations ended in each way. */
  get tally(): Readonly<Record<string, number>> {
    const tally: Record<string, number> = { operations: this.#history.length, commands: this.#commands.size }
    for (const operation of this.#history) {
      const kind = operation.kind === 'load' ? 'loaded' : operation.outcome.kind
      tally[kind] = (tally[kind] ?? 0) + 1
    }
    return tally
  }

  /**
   * Every append that was acknowledged is stored once, where it was said to be, and each command has one outcome.
   * @returns all events that are stored, in order
   */
  async checkStored(store: EventStore): Promise<readonly SeenEvent[]> {
    const log = await allEvents(store)
    const byId = new Map<string, DomainEventEnvelope>()
    const versions = new Map<string, number>()
    let position = 0
    for (const event of log) {
      assert.ok(!byId.has(event.eventId), `event ${event.eventId} is stored once`)
      byId.set(event.eventId, event)
      assert.equal(event.sequence, (versions.get(event.aggregateId) ?? 0) + 1, `the next event of ${event.aggregateId}`)
      versions.set(event.aggregateId, event.sequence)
      assert.ok(event.position > position, `position ${event.position} follows ${position}`)
      position = event.position
    }
    for (const { aggregate, eventIds, positions, outcome } of this.#acknowledged) {
      const first = outcome.kind === 'stored' ? outcome.version - eventIds.length + 1 : 0
      for (const [index, eventId] of eventIds.entries()) {
        const place = { eventId, aggregateId: aggregate, sequence: first + index, position: positions?.[index] }
        assert.deepEqual(
          byId.has(eventId) && seen(byId.get(eventId) as SeenEvent),
          place,
          'what was acknowledged is stored',
        )
      }
    }
    await this.#checkCommands(store, log)
    return log.map(seen)
  }

  /** @returns what no order of the operations explains */
  async checkHistory(store: EventStore): Promise<readonly Violation[]> {
    const aggregates = new Set(this.#history.map(({ aggregate }) => aggregate))
    for (const aggregate of aggregates) {
      const startedAt = Number(process.hrtime.bigint()) / 1e6
      const eventIds = (await store.loadEvents(person(aggregate))).map(({ eventId }) => eventId)
      const endedAt = Number(process.hrtime.bigint()) / 1e6
      this.#history.push({ kind: 'load', aggregate, process: 'the end', startedAt, endedAt, eventIds })
    }
    return checkLinearizability(this.#history)
  }

  #hearCommand(told: ToldCommand): void {
    const key = `${told.aggregate} ${told.commandId}`
    const first = this.#commands.get(key) ?? told
    this.#commands.set(key, first)
    if (first.status === told.status && first.version === told.version) return
    this.faults.push(`a command was told ${JSON.stringify(first)}, then ${JSON.stringify(told)}`)
  }

  async #checkCommands(store: EventStore, log: readonly DomainEventEnvelope[]): Promise<void> {
    const made = Map.groupBy(log, ({ metadata }) => metadata.commandId)
    for (const { aggregate, commandId, status, version } of this.#commands.values()) {
      const kept = await store.findCommand(person(aggregate), commandId)
      assert.deepEqual([kept?.status, kept?.version], [status, version], `the outcome of ${commandId}`)
      const appends = new Set(made.get(commandId)?.map(({ eventId }) => eventId.split('.')[0]))
      assert.equal(appends.size, status === 'Accepted' ? 1 : 0, `appends of ${commandId}`)
    }
    assert.deepEqual(this.faults, [])
  }
}
