/** Finds out whether anybody records spans, so that nothing is spent on them when nobody does. */

import { type Span, SpanStatusCode, type Tracer, type TracerProvider, trace } from '@opentelemetry/api'

const tracerName = '@cim/core'

/** What the API package's own provider has beyond the interface. */
interface Delegating extends TracerProvider {
  getDelegateTracer(name: string): Tracer | undefined
}

/**
 * @returns the tracer of the OpenTelemetry SDK that is registered at the moment, undefined when none is: asking costs some
 *   nanoseconds, a span that nobody records more
 */
export function activeTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider()
  return isDelegating(provider) ? provider.getDelegateTracer(tracerName) : provider.getTracer(tracerName)
}

/** Ends a span as failed. @param error what was thrown */
export function endFailed(span: Span, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof Error) span.recordException(error)
  span.setStatus({ code: SpanStatusCode.ERROR, message })
  span.end()
}

function isDelegating(provider: TracerProvider): provider is Delegating {
  return 'getDelegateTracer' in provider
}
