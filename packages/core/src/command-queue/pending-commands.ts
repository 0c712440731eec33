/** Follows the queue in each process: how many commands wait, and what has become of those that somebody waits for. */

import { hasErrorCode } from '../errors/cim-error.ts'
import { EventRate } from '../event-processing/event-rate.ts'
import { type RetryDelay, retryDelayMs } from '../event-processing/retry-delay.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { Signal } from '../event-store/signal.ts'
import type { CommandAcknowledgment } from '../write-side/command-acknowledgment.ts'
import { type CommandFinished, queuedCommand, queueSubjects } from './queued-command.ts'

/** What {@link PendingCommands} needs. */
export interface PendingCommandsOptions {
  readonly eventStore: EventStore
  /** Every command that was queued up to there has been executed. */
  readonly checkpoint: () => Promise<number>
  readonly retryDelay: RetryDelay
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Is told that a command was queued, in the order of positions. */
  readonly onQueued: () => void
  readonly onError: (error: unknown) => void
}

/** A command that waits. */
interface Pending {
  readonly position: number
  /** Milliseconds since 1970. */
  readonly queuedAt: number
}

/** Knows the commands that wait, of all processes, as far as this one has heard. */
export class PendingCommands {
  readonly #options: PendingCommandsOptions
  readonly #pending = new Map<string, Pending>()
  readonly #waiting = new Map<string, Set<(acknowledgment: CommandAcknowledgment | undefined) => void>>()
  readonly #rate: EventRate
  #position = 0
  #firstQueued: number | undefined
  #following: { readonly abort: AbortController; readonly loaded: Promise<void> } | undefined

  constructor(options: PendingCommandsOptions) {
    this.#options = options
    this.#rate = new EventRate(options.now())
  }

  /** How many commands wait. */
  get size(): number {
    return this.#pending.size
  }

  /** How long the oldest one has waited, in milliseconds; 0 when none waits. */
  get oldestMs(): number {
    for (const { queuedAt } of this.#pending.values()) return Math.max(0, this.#options.now() - queuedAt)
    return 0
  }

  /** Commands executed each second, over the last ten seconds or so. */
  get executedPerSecond(): number {
    return this.#rate.perSecond(this.#options.now())
  }

  /** Position of the first command after the checkpoint, undefined as long as none was met. */
  get firstQueued(): number | undefined {
    return this.#firstQueued
  }

  /** Begins to follow. Resolves once everything is known that waits now; does nothing more when called again. */
  async follow(): Promise<void> {
    if (this.#following === undefined) {
      const abort = new AbortController()
      this.#following = { abort, loaded: this.#load(abort.signal) }
    }
    const following = this.#following
    try {
      await following.loaded
    } catch (error) {
      if (this.#following === following) this.#following = undefined
      throw error
    }
  }

  /** Forgets everything, and lets nobody wait any longer. */
  stop(): void {
    this.#following?.abort.abort()
    this.#following = undefined
    this.#pending.clear()
    this.#firstQueued = undefined
    for (const waiting of this.#waiting.values()) for (const tell of waiting) tell(undefined)
  }

  /** Counts a command that this process has queued, before the log brings it. */
  add(commandId: string, { position, timestamp }: { readonly position: number; readonly timestamp: string }): void {
    if (position > this.#position) this.#pending.set(commandId, { position, queuedAt: Date.parse(timestamp) })
  }

  /**
   * Waits for what becomes of a command from now on.
   * @returns undefined when it was not finished in time, or the signal has aborted; never rejects
   */
  async outcomeOf(
    commandId: string,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<CommandAcknowledgment | undefined> {
    if (signal.aborted) return undefined
    const { promise, resolve } = Promise.withResolvers<CommandAcknowledgment | undefined>()
    const giveUp = (): void => resolve(undefined)
    const waiting = this.#waiting.get(commandId) ?? new Set()
    this.#waiting.set(commandId, waiting.add(resolve))
    signal.addEventListener('abort', giveUp, { once: true })
    const timer = setTimeout(giveUp, timeoutMs)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', giveUp)
      waiting.delete(resolve)
      if (waiting.size === 0 && this.#waiting.get(commandId) === waiting) this.#waiting.delete(commandId)
    }
  }

  async #load(signal: AbortSignal): Promise<void> {
    const { eventStore, checkpoint } = this.#options
    this.#position = await checkpoint()
    const { aggregateType } = queuedCommand
    for (let isEnd = false; !isEnd && !signal.aborted; ) {
      const page = await eventStore.readEvents({ aggregateType, afterPosition: this.#position })
      if (signal.aborted) return
      this.#take(page.events)
      this.#position = page.position
      isEnd = page.isEnd
    }
    void this.#follow(signal)
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { eventStore, retryDelay, onError } = this.#options
    for (let failures = 0; !signal.aborted; ) {
      try {
        for await (const { events, position } of eventStore.subscribe(queueSubjects, {
          afterPosition: this.#position,
          signal,
        })) {
          if (signal.aborted) return
          failures = 0
          const finished = this.#take(events)
          if (finished > 0) this.#rate.add(finished, this.#options.now())
          this.#position = position
        }
      } catch (error) {
        // There is nothing more to hear; whoever asks is told by the store itself.
        if (signal.aborted || hasErrorCode(error, 'store-closed')) return
        onError(error)
        const timeoutMs = retryDelayMs(retryDelay, ++failures, Math.random())
        const never = new Signal()
        await never.wait(0, { signal, timeoutMs })
      }
    }
  }

  /** @returns how many commands were finished */
  #take(events: readonly DomainEventEnvelope[]): number {
    let finished = 0
    for (const { aggregateId: commandId, eventType, eventData, position, timestamp } of events) {
      if (eventType === 'CommandQueued') {
        this.#pending.set(commandId, { position, queuedAt: Date.parse(timestamp) })
        this.#firstQueued ??= position
        this.#options.onQueued()
      } else if (eventType === 'CommandFinished') {
        finished++
        this.#pending.delete(commandId)
        const { acknowledgment } = eventData as CommandFinished
        for (const tell of this.#waiting.get(commandId) ?? []) tell(acknowledgment)
      }
    }
    return finished
  }
}
