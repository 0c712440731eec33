/** The spans of one command: handling it, and each append on the way. */

import { type Context, context, type Span, SpanKind, type Tracer, trace } from '@opentelemetry/api'
import type { AppendResult } from '../event-store/event-store.ts'
import type { CommandSpans } from '../tracing/command-spans.ts'
import { endFailed } from '../tracing/tracer.ts'
import type { DecidableCommand } from './command.ts'
import type { CommandAcknowledgment } from './command-acknowledgment.ts'

/** Where a command goes while somebody records spans. */
export class CommandTrace {
  readonly #tracer: Tracer
  readonly #span: Span
  readonly #within: Context
  readonly #commandSpans: CommandSpans | undefined

  /**
   * Starts the span `command <type>` in whatever is active, for instance the request's span.
   * @param commandSpans learns the span, for those who will meet the events
   */
  constructor(tracer: Tracer, commandType: string, commandSpans: CommandSpans | undefined) {
    this.#tracer = tracer
    const active = context.active()
    this.#span = tracer.startSpan(`command ${commandType}`, { attributes: { 'cim.command.type': commandType } }, active)
    this.#within = trace.setSpan(active, this.#span)
    this.#commandSpans = commandSpans
  }

  /** The command is parsed, and has its ids. */
  identify(command: DecidableCommand, aggregateType: string, correlationId: string | undefined): void {
    this.#commandSpans?.add(command.commandId, this.#span.spanContext())
    if (!this.#span.isRecording()) return
    this.#span.setAttributes({
      'cim.aggregate.type': aggregateType,
      'cim.aggregate.id': command.aggregateId,
      'cim.command.id': command.commandId,
      ...(correlationId === undefined ? undefined : { 'cim.correlation_id': correlationId }),
    })
  }

  /** Puts a span around an append. */
  async append(
    aggregateType: string,
    events: number,
    correlationId: string | undefined,
    append: () => Promise<AppendResult>,
  ): Promise<AppendResult> {
    const attributes = {
      'cim.aggregate.type': aggregateType,
      'cim.events': events,
      ...(correlationId === undefined ? undefined : { 'cim.correlation_id': correlationId }),
    }
    const span = this.#tracer.startSpan(
      `append ${aggregateType}`,
      { kind: SpanKind.PRODUCER, attributes },
      this.#within,
    )
    try {
      const result = await append()
      const { version, position, isRepeat } = result
      span.setAttributes({ 'cim.aggregate.version': version, 'cim.position': position, 'cim.is_repeat': isRepeat })
      span.end()
      return result
    } catch (error) {
      endFailed(span, error)
      throw error
    }
  }

  /** A rejection is an outcome, not a failure. */
  async end(handling: Promise<CommandAcknowledgment>): Promise<CommandAcknowledgment> {
    try {
      const acknowledgment = await handling
      const { status, version, position, reason } = acknowledgment
      this.#span.setAttributes({
        'cim.command.status': status,
        'cim.aggregate.version': version,
        'cim.position': position,
        ...(reason === undefined ? undefined : { 'cim.command.reason': reason.code }),
      })
      this.#span.end()
      return acknowledgment
    } catch (error) {
      endFailed(this.#span, error)
      throw error
    }
  }
}
