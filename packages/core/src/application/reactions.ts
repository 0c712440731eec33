/** Runs the reactions of an application. */

import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import { UnknownNameError, ValidationError } from '../errors/input-errors.ts'
import type { ProcessorRunner } from '../event-processing/processor-runner.ts'
import type { ReactionDefinition } from '../event-processing/reaction.ts'
import type { EventStore } from '../event-store/event-store.ts'

/** What {@link Reactions} needs. */
export interface ReactionsOptions {
  readonly eventStore: EventStore
  readonly reactions: readonly ReactionDefinition[]
  /** Makes the runner of one reaction. */
  readonly createRunner: (reaction: ReactionDefinition) => ProcessorRunner
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** Where to begin again, said twice: effects outside cannot be taken back. */
export interface ResetOptions {
  /** Events after this one come again. */
  readonly position: number
  /** The reaction's name once more. */
  readonly confirm: string
  /** `true`: whoever asks knows that handlers are called again, and that these must look at `isReplay`. */
  readonly mayRepeatEffects: true
}

/** Owns the runner of each reaction. */
export class Reactions {
  readonly #runners: ReadonlyMap<string, ProcessorRunner>
  readonly #eventStore: EventStore
  readonly #now: () => number

  constructor({ eventStore, reactions, createRunner, now }: ReactionsOptions) {
    this.#eventStore = eventStore
    this.#runners = new Map(reactions.map((reaction) => [reaction.reactionName, createRunner(reaction)]))
    this.#now = now
  }

  get runners(): readonly ProcessorRunner[] {
    return [...this.#runners.values()]
  }

  async start(): Promise<void> {
    for (const runner of this.runners) await runner.start()
  }

  async stop(): Promise<void> {
    await Promise.all(this.runners.map((runner) => runner.stop()))
  }

  /**
   * Lets a reaction handle events again. Its handlers are told that these are replays. Its dead letters are forgotten.
   * @throws {UnknownNameError} when there is no such reaction
   * @throws {ValidationError} when it is not said twice, or the position lies beyond the newest event
   * @throws {ProcessorOwnedError} when another process runs it
   */
  async reset(reactionName: string, options: ResetOptions): Promise<void> {
    const runner = this.#runners.get(reactionName)
    if (runner === undefined) throw new UnknownNameError('unknown-processor', reactionName, this.#runners.keys())
    checkOptions('reset', options, ['position', 'confirm', 'mayRepeatEffects'])
    checkWholeNumber('reset', 'position', options.position, { least: 0 })
    // From beyond the end it could never start again.
    const head = await this.#eventStore.headPosition()
    const issues = [
      ...(options.position <= head
        ? []
        : [{ pointer: '/position', message: `must be ${head} at most, the newest event` }]),
      ...(options.confirm === reactionName ? [] : [{ pointer: '/confirm', message: `must be '${reactionName}'` }]),
      ...(options.mayRepeatEffects === true
        ? []
        : [
            { pointer: '/mayRepeatEffects', message: 'must be true: handlers are called again, and reach the outside' },
          ]),
    ]
    if (issues.length > 0) throw new ValidationError(`reset of the reaction ${reactionName}`, issues)
    const wasRunning = runner.status.state !== 'stopped'
    await runner.stop()
    try {
      await runner.processor.progressStore.moveProgress(reactionName, options.position, this.#now())
    } finally {
      if (wasRunning) await runner.start()
    }
  }
}
