/** Finds out what must be known of an aggregate before something is appended to it. */

import type { AggregateRef } from '@cim/core'
import type { StoredEvent } from '../messages/event-message.ts'
import { type AggregateSubjects, isEventSubject } from '../messages/event-subject.ts'
import { tooMany } from '../server/direct-reader.ts'
import type { LeaderApi } from '../server/leader-api.ts'
import type { Patience } from '../server/patience.ts'
import { AggregateHead, type KnownCommand } from './aggregate-head.ts'
import type { AggregateHeads } from './aggregate-heads.ts'
import type { AggregateReader } from './aggregate-reader.ts'

/** What {@link HeadLoader} works with. */
export interface HeadLoaderParts {
  readonly heads: AggregateHeads
  readonly reader: AggregateReader
  readonly leader: LeaderApi
  readonly prefix: string
}

/** @returns the key of an aggregate in maps */
export function keyOf({ aggregateType, aggregateId }: AggregateRef): string {
  return `${aggregateType} ${aggregateId}`
}

const everything = Number.MAX_SAFE_INTEGER

/** Loads heads, and brings them up to date after another writer was faster. */
export class HeadLoader {
  readonly #parts: HeadLoaderParts

  constructor(parts: HeadLoaderParts) {
    this.#parts = parts
  }

  /** Remembers a head, or that it has grown. */
  keep(key: string, head: AggregateHead): void {
    this.#parts.heads.keep(key, head)
  }

  /** Forgets all: what the servers have is to be asked for again. */
  forget(): void {
    this.#parts.heads.clear()
  }

  /** @returns a head of which only the version will be known */
  create(subjects: AggregateSubjects): AggregateHead {
    return new AggregateHead(subjects, false)
  }

  /** @param key that of {@link keyOf}, as everywhere here: its hash is computed once when it is made once */
  find(key: string): AggregateHead | undefined {
    return this.#parts.heads.get(key)
  }

  /**
   * @param commandId when given, the head tells whether the aggregate has seen this command
   * @returns what is known, loaded when that is not enough
   */
  async load(
    aggregate: AggregateRef,
    subjects: AggregateSubjects,
    commandId: string | undefined,
    patience: Patience,
  ): Promise<AggregateHead> {
    const key = keyOf(aggregate)
    let head = this.find(key)
    if (head === undefined || (commandId !== undefined && !head.hasCommands)) {
      const known = head?.version ?? 0
      head = (await patience.during('loading an aggregate', () => this.readWhole(subjects, known))).head
      this.keep(key, head)
    }
    if (commandId !== undefined && !head.isEnoughFor(commandId)) {
      await this.#loadOutcomes(head, commandId, patience)
      this.keep(key, head)
    }
    return head
  }

  /** @returns what became of a command, also of one that another process has just finished */
  async findCommand(
    aggregate: AggregateRef,
    subjects: AggregateSubjects,
    commandId: string,
    patience: Patience,
  ): Promise<KnownCommand | undefined> {
    for (;;) {
      const head = await this.load(aggregate, subjects, commandId, patience)
      const known = head.findCommand(commandId)
      if (known !== undefined) return known
      if (!(await this.refresh(aggregate, head, patience))) return undefined
    }
  }

  /** @returns every event of an aggregate, and its head */
  async readWhole(
    subjects: AggregateSubjects,
    known: number,
  ): Promise<{ readonly head: AggregateHead; readonly events: readonly StoredEvent[] }> {
    const { reader } = this.#parts
    const head = new AggregateHead(subjects, true)
    const whole = await reader.whole(subjects, known)
    if (whole === tooMany) {
      const events = await reader.range(subjects, { from: 1, to: everything, known, mostBytes: everything })
      head.takeEvents(events)
      return { head, events }
    }
    head.takeEvents(whole.events)
    head.takeOutcomes(whole.outcomes, true)
    return { head, events: whole.events }
  }

  /**
   * Asks the leader what stands in the slot of the next version, and takes over what others have stored.
   * @returns true when there was anything
   */
  async refresh(aggregate: AggregateRef, head: AggregateHead, patience: Patience): Promise<boolean> {
    const { leader, reader, prefix } = this.#parts
    const { subjects, version, guard } = head
    for (;;) {
      const from = head.version + 1
      const newest = await patience.during('asking for the newest event of an aggregate', () =>
        leader.lastMatching(subjects.slot(from)),
      )
      if (newest === undefined) break
      if (!isEventSubject(prefix, newest.subject)) {
        head.takeGuard(newest.subject, newest.sequence, from)
        break
      }
      const range = { from, to: everything, known: from, mostBytes: everything }
      head.takeEvents(await patience.during('loading events', () => reader.range(subjects, range)))
    }
    const isChanged = head.version > version || head.guard > guard
    if (isChanged) this.keep(keyOf(aggregate), head)
    return isChanged
  }

  async #loadOutcomes(head: AggregateHead, commandId: string, patience: Patience): Promise<void> {
    const { reader } = this.#parts
    const { subjects, proof } = head
    const read = (filter: string) => patience.during('loading outcomes', () => reader.outcomes(filter, proof))
    const all = await read(subjects.outcomes)
    if (all !== tooMany) head.takeOutcomes(all, proof === head.proof)
    else {
      const own = await read(subjects.outcomesOf(commandId))
      if (own !== tooMany) head.takeOutcomes(own, false)
    }
  }
}
