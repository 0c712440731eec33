/** Makes spans of what a processor does, linked to the commands behind its events. */

import { context, type Span, type SpanContext, SpanKind, type Tracer, trace } from '@opentelemetry/api'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { CommandSpans } from '../tracing/command-spans.ts'
import { activeTracer, endFailed } from '../tracing/tracer.ts'
import type { EventProcessor, ProcessContext, ProcessResult } from './event-processor.ts'
import type { ProgressSave, ProgressStore } from './progress-store.ts'

/** A batch may come from thousands of commands: so many of them are linked. */
const mostLinks = 32

/**
 * An {@link EventProcessor} with a span for each batch (`process <processor>`) and each save (`commit <processor>`). The span
 * of a batch that one command has made is a child of that command's span. Does nothing of its own while nobody records.
 */
export class TracedProcessor implements EventProcessor {
  readonly #processor: EventProcessor
  readonly #commandSpans: CommandSpans
  /** Span of the newest batch that is not saved. */
  #batch: SpanContext | undefined

  /**
   * @param processor does the work
   * @param commandSpans where the commands of this process leave their spans
   */
  constructor(processor: EventProcessor, commandSpans: CommandSpans) {
    this.#processor = processor
    this.#commandSpans = commandSpans
  }

  get processorName(): string {
    return this.#processor.processorName
  }

  get subjectPatterns(): readonly string[] {
    return this.#processor.subjectPatterns
  }

  get progressStore(): ProgressStore {
    return this.#processor.progressStore
  }

  getCheckpoint(): Promise<number> {
    this.#batch = undefined
    return this.#processor.getCheckpoint()
  }

  async hasBegunAfter(): Promise<number | undefined> {
    return this.#processor.hasBegunAfter?.()
  }

  process(events: readonly DomainEventEnvelope[], processContext: ProcessContext): Promise<ProcessResult> {
    const tracer = events.length === 0 ? undefined : activeTracer()
    if (tracer === undefined) return this.#processor.process(events, processContext)
    return this.#traceBatch(tracer, events, processContext)
  }

  saveCheckpoint(save: ProgressSave): Promise<void> {
    const tracer = activeTracer()
    return tracer === undefined ? this.#processor.saveCheckpoint(save) : this.#traceSave(tracer, save)
  }

  async #traceBatch(
    tracer: Tracer,
    events: readonly DomainEventEnvelope[],
    processContext: ProcessContext,
  ): Promise<ProcessResult> {
    const span = this.#startBatch(tracer, events)
    this.#batch = span.spanContext()
    try {
      const result = await this.#processor.process(events, processContext)
      if (result.failures.length > 0) span.setAttribute('cim.failures', result.failures.length)
      span.end()
      return result
    } catch (error) {
      endFailed(span, error)
      throw error
    }
  }

  #startBatch(tracer: Tracer, events: readonly DomainEventEnvelope[]): Span {
    const commands = this.#commandSpans.of(events, mostLinks)
    const [first, last] = [events[0], events.at(-1)]
    const isOneCommand = first !== undefined && events.every(({ metadata }) => isSameCommand(metadata, first.metadata))
    const parent = isOneCommand ? commands[0] : undefined
    const { correlationId } = (isOneCommand ? first?.metadata : undefined) ?? {}
    const attributes = {
      'cim.processor': this.processorName,
      'cim.events': events.length,
      'cim.first_position': first?.position ?? 0,
      'cim.last_position': last?.position ?? 0,
      ...(correlationId === undefined ? undefined : { 'cim.correlation_id': correlationId }),
    }
    const links = commands.map((command) => ({ context: command }))
    const options = { kind: SpanKind.CONSUMER, attributes, links: parent === undefined ? links : [] }
    return tracer.startSpan(`process ${this.processorName}`, options, within(parent))
  }

  async #traceSave(tracer: Tracer, save: ProgressSave): Promise<void> {
    const attributes = {
      'cim.processor': this.processorName,
      'cim.expected_position': save.expectedPosition,
      'cim.position': save.position,
      'cim.dead_letters': save.deadLetters.length,
    }
    const span = tracer.startSpan(`commit ${this.processorName}`, { attributes }, within(this.#batch))
    this.#batch = undefined
    try {
      await this.#processor.saveCheckpoint(save)
      span.end()
    } catch (error) {
      endFailed(span, error)
      throw error
    }
  }
}

/** The events of one decision; without a command id nobody knows. */
function isSameCommand(one: DomainEventEnvelope['metadata'], other: DomainEventEnvelope['metadata']): boolean {
  return one === other || (one.commandId !== undefined && one.commandId === other.commandId)
}

/** A processor belongs to no request: what happens to be active while it runs is not its parent. */
function within(parent: SpanContext | undefined) {
  const root = trace.deleteSpan(context.active())
  return parent === undefined ? root : trace.setSpanContext(root, parent)
}
