/** What a process knows of one aggregate without its events: enough to append to it and to recognise repeats. */

import type { CommandRecord } from '@cim/core'
import type { StoredEvent } from '../messages/event-message.ts'
import type { AggregateSubjects } from '../messages/event-subject.ts'

/** A command that the aggregate has seen. */
export interface KnownCommand {
  readonly record: CommandRecord
  /** The first of its events, 0 when it made none. */
  readonly firstVersion: number
}

/** What all heads share that have seen no command: nothing is ever put into it. */
const noCommands: Map<string, KnownCommand> = new Map()

/** Never ahead of the stream, perhaps behind it: then the version check of the next append says so. */
export class AggregateHead {
  readonly subjects: AggregateSubjects
  #version = 0
  #guard = 0
  /** The type of the event with that version, undefined when it is not known or `#proof` is newer. */
  #newestType: string | undefined
  #proof: string | undefined
  #commands: Map<string, KnownCommand> | undefined
  #hasOutcomes: boolean

  /**
   * @param isWhole true for an aggregate that is known from its first event on, or of which nothing is stored; false when
   *   only its version is known
   */
  constructor(subjects: AggregateSubjects, isWhole: boolean) {
    this.subjects = subjects
    this.#commands = isWhole ? noCommands : undefined
    this.#hasOutcomes = isWhole
  }

  get version(): number {
    return this.#version
  }

  /** The newest outcome in the slot of the next version, 0 for none. */
  get guard(): number {
    return this.#guard
  }

  /** A subject that any replica has which is as new as this: the newest that is known. */
  get proof(): string | undefined {
    return this.#newestType === undefined ? this.#proof : this.subjects.event(this.#newestType, this.#version)
  }

  /** True when every command that made events is known. */
  get hasCommands(): boolean {
    return this.#commands !== undefined
  }

  /** True when every command without events is known, too. */
  get hasOutcomes(): boolean {
    return this.#hasOutcomes
  }

  /** About how much memory it takes, in commands. */
  get weight(): number {
    return 1 + (this.#commands?.size ?? 0)
  }

  /** True when it tells whether the aggregate has seen the command. */
  isEnoughFor(commandId: string): boolean {
    return this.#commands !== undefined && (this.#hasOutcomes || this.#commands.has(commandId))
  }

  findCommand(commandId: string): KnownCommand | undefined {
    return this.#commands?.get(commandId)
  }

  /** Takes those events that follow on what is known, whoever appended them. */
  takeEvents(events: readonly StoredEvent[]): void {
    for (const event of events) {
      if (event.envelope.sequence !== this.#version + 1) continue
      this.#take(event)
      this.#hasOutcomes = false
    }
  }

  /** Takes events that were appended right after all that is known: no outcome can stand before them that is not known. */
  takeOwnEvents(events: readonly StoredEvent[]): void {
    for (const event of events) if (event.envelope.sequence === this.#version + 1) this.#take(event)
  }

  /** Knows the version alone from here on. */
  skipTo(version: number): void {
    if (version <= this.#version) return
    this.#version = version
    this.#guard = 0
    this.#prove(this.subjects.eventAt(version))
    this.#commands = undefined
    this.#hasOutcomes = false
  }

  /** @param isAll true when these are all outcomes of the aggregate */
  takeOutcomes(
    outcomes: readonly { readonly record: CommandRecord; readonly sequence: number; readonly slot: number }[],
    isAll: boolean,
  ): void {
    for (const { record, sequence, slot } of outcomes) {
      // Events win: of an event and an outcome of one command, only one is ever stored.
      if (this.#commands?.has(record.commandId) === false) {
        this.#remember(record, 0)
      }
      if (slot === this.#version + 1 && sequence > this.#guard) this.#guard = sequence
    }
    if (isAll) this.#hasOutcomes = true
  }

  /** Takes a message of which nothing is known but that it is the newest in a slot. */
  takeGuard(subject: string, sequence: number, slot: number): void {
    // Events that were taken meanwhile have moved on to another slot.
    if (slot !== this.#version + 1 || sequence <= this.#guard) return
    this.#guard = sequence
    this.#prove(subject)
    this.#hasOutcomes = false
  }

  /** Takes the outcome that this process has recorded in a slot right after all that was known. */
  takeOwnOutcome(record: CommandRecord, subject: string, sequence: number, slot: number): void {
    this.#remember(record, 0)
    if (slot !== this.#version + 1) return
    this.#guard = sequence
    this.#prove(subject)
  }

  #remember(record: CommandRecord, firstVersion: number): void {
    if (this.#commands === undefined) return
    if (this.#commands === noCommands) this.#commands = new Map()
    this.#commands.set(record.commandId, { record, firstVersion })
  }

  #prove(subject: string): void {
    this.#proof = subject
    this.#newestType = undefined
  }

  #take({ envelope, fingerprint }: StoredEvent): void {
    const { sequence: version, position, timestamp, metadata, eventType } = envelope
    this.#version = version
    this.#guard = 0
    this.#newestType = eventType
    const { commandId } = metadata
    if (this.#commands === undefined || commandId === undefined || fingerprint === undefined) return
    const firstVersion = this.#commands.get(commandId)?.firstVersion ?? version
    const record: CommandRecord = { commandId, fingerprint, status: 'Accepted', version, position, timestamp }
    this.#remember(Object.freeze(record), firstVersion)
  }
}
