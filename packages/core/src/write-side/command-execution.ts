/** Executes a parsed command: loads, decides, appends, and again when another writer was first. */

import { hasErrorCode } from '../errors/cim-error.ts'
import { type ConcurrencyError, VersionMismatchError } from '../errors/concurrency-errors.ts'
import type { AggregateRef } from '../event-store/aggregate-ref.ts'
import type {
  AppendResult,
  CommandIdentity,
  CommandRecord,
  EventStore,
  RejectionReason,
} from '../event-store/event-store.ts'
import { createIsoFormatter } from '../event-store/iso-time.ts'
import { checkCommand } from '../event-store/repeats.ts'
import type { DecidableCommand } from './command.ts'
import { type CommandAcknowledgment, toAcknowledgment } from './command-acknowledgment.ts'
import { type Decision, isRejection } from './decision.ts'
import type { ParsedCommand } from './parsed-command.ts'
import type { Repository, RepositoryEntry } from './repository.ts'

/** What a {@link CommandExecution} needs. */
export interface CommandExecutionOptions {
  readonly eventStore: EventStore
  readonly maxAttempts: number
  /** The clock, milliseconds since 1970. */
  readonly now: () => number
}

/** What becomes of one command after the other. Those to one aggregate must not run at once, or they conflict. */
export class CommandExecution {
  readonly #eventStore: EventStore
  readonly #maxAttempts: number
  readonly #now: () => number
  readonly #toIso: (time: number) => string = createIsoFormatter()

  constructor({ eventStore, maxAttempts, now }: CommandExecutionOptions) {
    this.#eventStore = eventStore
    this.#maxAttempts = maxAttempts
    this.#now = now
  }

  /**
   * @returns the acknowledgment of a command that was executed before, undefined when it was not
   * @throws {CommandIdReusedError} when the command id was used for other content
   */
  async findFirst(aggregate: AggregateRef, identity: CommandIdentity): Promise<CommandAcknowledgment | undefined> {
    const first = await this.#eventStore.findCommand(aggregate, identity.commandId)
    if (first === undefined) return undefined
    checkCommand(aggregate, first, identity)
    return toAcknowledgment(aggregate.aggregateId, first)
  }

  /** Remembers a rejection that nobody decides. @returns it, or what the command was answered before */
  async refuse(
    repository: Repository,
    aggregateId: string,
    identity: CommandIdentity,
    reason: RejectionReason,
  ): Promise<CommandAcknowledgment> {
    const { version, position } = await repository.load(aggregateId, { refresh: true })
    const timestamp = this.#toIso(this.#now())
    const record: CommandRecord = { ...identity, status: 'Rejected', version, position, timestamp, reason }
    const { aggregateType } = repository.definition
    return toAcknowledgment(aggregateId, await this.#eventStore.recordCommand({ aggregateType, aggregateId }, record))
  }

  /**
   * @param repository of the aggregate that the command addresses
   * @param signal gives up before the next attempt
   */
  async run(
    repository: Repository,
    parsed: ParsedCommand,
    signal: AbortSignal | undefined,
  ): Promise<CommandAcknowledgment> {
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted()
      try {
        return await this.#attempt(repository, parsed, attempt > 1)
      } catch (error) {
        const isConflict = hasErrorCode(error, 'concurrency')
        if (isConflict && parsed.expectedVersion === undefined && attempt < this.#maxAttempts) continue
        // What made this attempt fail may be what the command itself did the first time.
        const first = await this.#findKept(repository, parsed)
        if (first !== undefined) return first
        if (!isConflict || parsed.expectedVersion === undefined) throw error
        throw versionMismatch(repository, parsed, parsed.expectedVersion, (error as ConcurrencyError).actualVersion)
      }
    }
  }

  /** A repeat needs no look-up beforehand: appending and recording recognise the command id, whatever is decided now. */
  async #attempt(repository: Repository, parsed: ParsedCommand, refresh: boolean): Promise<CommandAcknowledgment> {
    let loaded = await repository.load(parsed.command.aggregateId, { refresh })
    let decision = this.#decide(repository, parsed, loaded)
    if (!isAppending(decision) && !loaded.isVerified) {
      // Nothing will be appended, so no version check would notice that the state in memory is old.
      loaded = await repository.load(parsed.command.aggregateId, { refresh: true })
      decision = this.#decide(repository, parsed, loaded)
    }
    if (decision === 'version-mismatch') {
      throw versionMismatch(repository, parsed, parsed.expectedVersion ?? 0, loaded.version)
    }
    if (isRejection(decision) || decision.length === 0) return this.#conclude(repository, parsed, loaded, decision)
    const { metadata, identity, trace } = parsed
    const options = identity === undefined ? { metadata } : { metadata, command: identity }
    const save = () => repository.save(loaded, decision, options)
    const { aggregateType } = repository.definition
    const result = await (trace === undefined
      ? save()
      : trace.append(aggregateType, decision.length, metadata.correlationId, save))
    // Another process was first with the same command, and may have rejected it.
    const first = result.isRepeat ? await this.#findKept(repository, parsed) : undefined
    return first ?? acknowledge(parsed.command, result)
  }

  #decide(
    { definition }: Repository,
    { command, expectedVersion }: ParsedCommand,
    loaded: RepositoryEntry,
  ): Decision | 'version-mismatch' {
    if (expectedVersion !== undefined && expectedVersion !== loaded.version) return 'version-mismatch'
    return definition.decide(loaded.state, command, { now: this.#toIso(this.#now()) })
  }

  /** Acknowledges a command that appends nothing, and remembers the outcome when it can be repeated. */
  async #conclude(
    { definition }: Repository,
    { command, identity }: ParsedCommand,
    { version, position }: RepositoryEntry,
    decision: Decision,
  ): Promise<CommandAcknowledgment> {
    const record: CommandRecord = {
      commandId: command.commandId,
      fingerprint: identity?.fingerprint ?? 0,
      status: isRejection(decision) ? 'Rejected' : 'Accepted',
      version,
      position,
      timestamp: this.#toIso(this.#now()),
      ...(isRejection(decision) ? { reason: decision.rejected } : undefined),
    }
    const aggregate = { aggregateType: definition.aggregateType, aggregateId: command.aggregateId }
    const kept = identity === undefined ? record : await this.#eventStore.recordCommand(aggregate, record)
    return toAcknowledgment(command.aggregateId, kept)
  }

  async #findKept({ definition }: Repository, { command, identity }: ParsedCommand) {
    if (identity === undefined) return undefined
    return this.findFirst({ aggregateType: definition.aggregateType, aggregateId: command.aggregateId }, identity)
  }
}

function isAppending(decision: Decision | 'version-mismatch'): boolean {
  return decision !== 'version-mismatch' && !isRejection(decision) && decision.length > 0
}

function acknowledge(command: DecidableCommand, { version, position, timestamp }: AppendResult): CommandAcknowledgment {
  return {
    status: 'Accepted',
    aggregateId: command.aggregateId,
    version,
    position,
    timestamp,
    commandId: command.commandId,
  }
}

function versionMismatch(
  { definition }: Repository,
  { command }: ParsedCommand,
  expected: number,
  actual: number,
): VersionMismatchError {
  return new VersionMismatchError(definition.aggregateType, command.aggregateId, expected, actual)
}
