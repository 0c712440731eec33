/** Leads from an event back to the span of the command that made it, within one process. */

import type { SpanContext } from '@opentelemetry/api'

/** What an event says about its origin. */
interface Caused {
  readonly metadata: { readonly commandId?: string }
}

/** So many commands are remembered: a processor that is further behind has no links. */
const mostCommands = 10_000

/** The spans of recent commands by command id. Empty for as long as nobody records spans. */
export class CommandSpans {
  readonly #spans = new Map<string, SpanContext>()

  /** Remembers a command's span, and forgets the oldest one when there are many. */
  add(commandId: string, span: SpanContext): void {
    this.#spans.delete(commandId)
    this.#spans.set(commandId, span)
    if (this.#spans.size <= mostCommands) return
    for (const oldest of this.#spans.keys()) {
      this.#spans.delete(oldest)
      break
    }
  }

  /**
   * @param events whose commands are asked for
   * @param most spans at most
   * @returns the spans that are known, each once, in the order of the events
   */
  of(events: readonly Caused[], most: number): readonly SpanContext[] {
    const found = new Set<SpanContext>()
    if (this.#spans.size === 0) return []
    for (const { metadata } of events) {
      const span = metadata.commandId === undefined ? undefined : this.#spans.get(metadata.commandId)
      if (span !== undefined) found.add(span)
      if (found.size >= most) break
    }
    return [...found]
  }
}
