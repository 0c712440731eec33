/** The text format that Prometheus reads. @see https://prometheus.io/docs/instrumenting/exposition_formats/ */

/** The content type of version 0.0.4 of the format. */
export const expositionType = 'text/plain; version=0.0.4; charset=utf-8'

/** @returns the lines before the samples of one metric */
export function header(name: string, type: 'counter' | 'gauge' | 'histogram', help: string): readonly string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`]
}

/**
 * @param name the metric's
 * @param labelNames may be empty
 * @param labels their values, in the same order
 * @param value any number
 */
export function formatSample(
  name: string,
  labelNames: readonly string[],
  labels: readonly string[],
  value: number,
): string {
  const pairs = labelNames.map((labelName, index) => `${labelName}="${escapeLabel(labels[index] ?? '')}"`)
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`
}

/** @returns the lines of a metric that is one number */
export function gauge(name: string, help: string, value: number): readonly string[] {
  return [...header(name, 'gauge', help), formatSample(name, [], [], value)]
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
