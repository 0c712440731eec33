/** Takes a command from its sender to its acknowledgment. */

import type { StandardSchemaV1 } from '@standard-schema/spec'
import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'
import { InvalidDefinitionError, UnknownNameError } from '../errors/input-errors.ts'
import type { EventStore, RejectionReason } from '../event-store/event-store.ts'
import { createUuidGenerator } from '../event-store/uuid.ts'
import { parseWith } from '../schema/schema.ts'
import type { CommandSpans } from '../tracing/command-spans.ts'
import { activeTracer } from '../tracing/tracer.ts'
import type { Command, DecidableCommand } from './command.ts'
import type { CommandAcknowledgment } from './command-acknowledgment.ts'
import { CommandExecution } from './command-execution.ts'
import { CommandTrace } from './command-trace.ts'
import { KeyedQueue } from './keyed-queue.ts'
import { checkCommandFields, completeCommand, type ParsedCommand } from './parsed-command.ts'
import { type PreparedCommand, prepareCommand } from './prepared-command.ts'
import type { Repository } from './repository.ts'

/**
 * Decides whether a command may be handled. Throw {@link ForbiddenError} or {@link UnauthenticatedError} to refuse it.
 * @param command parsed, with its aggregate's id
 * @param principal who sent it, as the caller of `handle` said
 */
export type Authorize = (command: DecidableCommand, principal: unknown) => void | Promise<void>

/** What a {@link CommandHandler} needs. */
export interface CommandHandlerOptions {
  readonly eventStore: EventStore
  /** One per aggregate type. */
  readonly repositories: readonly Repository[]
  readonly authorize?: Authorize
  /** How often a command is decided at most when other writers keep appending first; 5 when left out. */
  readonly maxAttempts?: number
  /** The clock, milliseconds since 1970. */
  readonly now?: () => number
  /** Makes command ids. */
  readonly newId?: () => string
  /** Learns the OpenTelemetry spans of commands, so that those of processors can lead back to them. */
  readonly commandSpans?: CommandSpans
}

/** Options of {@link CommandHandler.handle}. */
export interface HandleOptions {
  /** Who sent the command; handed to `authorize`. */
  readonly principal?: unknown
  /** Gives up before the next attempt. A command that is being appended is not taken back. */
  readonly signal?: AbortSignal
}

const optionNames = ['eventStore', 'repositories', 'authorize', 'maxAttempts', 'now', 'newId', 'commandSpans']

interface Route {
  readonly repository: Repository
  readonly schema: StandardSchemaV1
}

/**
 * Handles every command of a set of aggregates: validates, authorizes, loads, decides, appends.
 * @see the mission's heading "Command Handlers"
 */
export class CommandHandler {
  readonly #execution: CommandExecution
  readonly #routes = new Map<string, Route>()
  readonly #queue = new KeyedQueue()
  readonly #authorize: Authorize | undefined
  readonly #newId: () => string
  readonly #commandSpans: CommandSpans | undefined

  constructor(options: CommandHandlerOptions) {
    checkOptions('CommandHandler', options, optionNames)
    this.#authorize = options.authorize
    const { eventStore, now = Date.now } = options
    const maxAttempts = checkWholeNumber('CommandHandler', 'maxAttempts', options.maxAttempts ?? 5, { least: 1 })
    this.#execution = new CommandExecution({ eventStore, maxAttempts, now })
    this.#newId = options.newId ?? createUuidGenerator(now)
    this.#commandSpans = options.commandSpans
    for (const repository of options.repositories) {
      for (const [commandType, schema] of Object.entries(repository.definition.commands)) {
        const other = this.#routes.get(commandType)?.repository.definition.aggregateType
        if (other !== undefined) {
          throw new InvalidDefinitionError(
            `Command ${commandType} is defined by ${other} and by ${repository.definition.aggregateType}. Rename one of them.`,
          )
        }
        this.#routes.set(commandType, { repository, schema })
      }
    }
  }

  /**
   * @param command plain JSON, as its sender wrote it
   * @param options who sent it, and a signal to give up
   * @returns Accepted once the events are durable, or Rejected with the reason
   * @throws {UnknownNameError} when no aggregate defines the command type
   * @throws {ValidationError} when the data does not fit the command's schema
   * @throws {VersionMismatchError} when the sender's expected version is not the aggregate's
   * @throws {ConcurrencyError} when other writers kept appending first
   * @throws {CommandIdReusedError} when the command id was used for other content
   */
  handle(command: Command, options?: HandleOptions): Promise<CommandAcknowledgment> {
    return this.#traced(command, async (trace) => {
      const { route, parsed } = await this.#parse(command, { trace })
      if (this.#authorize !== undefined) await this.#authorize(parsed.command, options?.principal)
      return this.#enqueue(route, parsed, options?.signal)
    })
  }

  /**
   * Does all that comes before the aggregate is looked at: validates, authorizes, fills in ids.
   * @returns what {@link handlePrepared} takes, now or later
   * @throws {UnknownNameError} when no aggregate defines the command type
   * @throws {ValidationError} when the data does not fit the command's schema, or is not plain JSON
   */
  async prepare(command: Command, options?: HandleOptions): Promise<PreparedCommand> {
    const { route, parsed } = await this.#parse(command, { trace: undefined })
    const prepared = prepareCommand(route.repository.definition.aggregateType, command, parsed)
    if (this.#authorize !== undefined) await this.#authorize(parsed.command, options?.principal)
    options?.signal?.throwIfAborted()
    return prepared
  }

  /**
   * Handles a command that was prepared, also by another process. Nobody is asked again whether it may be.
   * @throws as {@link handle} does
   */
  handlePrepared(prepared: PreparedCommand, options?: Pick<HandleOptions, 'signal'>): Promise<CommandAcknowledgment> {
    const { command, fingerprint } = prepared
    return this.#traced(command, async (trace) => {
      this.#repositoryOf(prepared)
      const { route, parsed } = await this.#parse(command, { trace, fingerprint })
      return this.#enqueue(route, parsed, options?.signal)
    })
  }

  /**
   * @returns the first acknowledgment of a command that was handled before, undefined when it was not
   * @throws {CommandIdReusedError} when the command id was used for other content
   */
  async findFirst({
    aggregateType,
    command,
    fingerprint,
  }: PreparedCommand): Promise<CommandAcknowledgment | undefined> {
    const { aggregateId, commandId } = command
    return this.#execution.findFirst({ aggregateType, aggregateId }, { commandId, fingerprint })
  }

  /**
   * Remembers that a prepared command is refused for another reason than a business rule's.
   * @returns the rejection, or what the command was answered before
   */
  async refusePrepared(prepared: PreparedCommand, reason: RejectionReason): Promise<CommandAcknowledgment> {
    const { command, fingerprint } = prepared
    const { aggregateId, commandId } = command
    return this.#execution.refuse(this.#repositoryOf(prepared), aggregateId, { commandId, fingerprint }, reason)
  }

  #traced(
    { commandType }: Command,
    handle: (trace: CommandTrace | undefined) => Promise<CommandAcknowledgment>,
  ): Promise<CommandAcknowledgment> {
    const tracer = activeTracer()
    if (tracer === undefined) return handle(undefined)
    // A type that nobody has defined is whatever its sender wrote.
    const name = this.#routes.has(commandType) ? commandType : 'unknown'
    const trace = new CommandTrace(tracer, name, this.#commandSpans)
    return trace.end(handle(trace))
  }

  #routeOf({ commandType }: Command): Route {
    const route = this.#routes.get(commandType)
    if (route === undefined) throw new UnknownNameError('unknown-command', commandType, this.#routes.keys())
    return route
  }

  /** Definitions may have changed since a command was prepared. */
  #repositoryOf({ aggregateType, command }: PreparedCommand): Repository {
    const { repository } = this.#routeOf(command)
    const { aggregateType: definedBy } = repository.definition
    if (definedBy === aggregateType) return repository
    throw new InvalidDefinitionError(
      `Command ${command.commandType} was sent to ${aggregateType} ${JSON.stringify(command.aggregateId)}, and is ` +
        `defined by ${definedBy} now. Send it anew.`,
    )
  }

  async #parse(
    command: Command,
    more: { readonly trace: CommandTrace | undefined; readonly fingerprint?: number },
  ): Promise<{ readonly route: Route; readonly parsed: ParsedCommand }> {
    const route = this.#routeOf(command)
    checkCommandFields(command)
    const parsing = parseWith(route.schema, command.data, `command ${command.commandType}`)
    const data = parsing instanceof Promise ? await parsing : parsing
    const { aggregateType } = route.repository.definition
    const parsed = completeCommand(command, { aggregateType, data, newId: this.#newId, ...more })
    more.trace?.identify(parsed.command, aggregateType, parsed.metadata.correlationId)
    return { route, parsed }
  }

  /** Commands to one aggregate are executed one after the other. */
  #enqueue({ repository }: Route, parsed: ParsedCommand, signal: AbortSignal | undefined) {
    const key = `${repository.definition.aggregateType} ${parsed.command.aggregateId}`
    return this.#queue.run(key, () => this.#execution.run(repository, parsed, signal))
  }
}
