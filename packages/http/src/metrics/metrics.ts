/** What is counted about one API and the application behind it. */

import type { Application } from '@cim/core'
import { Counter } from './counter.ts'
import { gauge, header } from './exposition.ts'
import { Histogram } from './histogram.ts'
import { processorLines } from './processor-lines.ts'
import { sagaLines } from './saga-lines.ts'

/** Counts what passes, and shows it together with how the application is doing. */
export class Metrics {
  readonly commands: Counter = new Counter(
    'cim_commands_total',
    'Commands by type and by status of the acknowledgment, or code of the problem.',
    ['command', 'status'],
  )
  readonly commandDuration: Histogram = new Histogram(
    'cim_command_duration_seconds',
    'From the request to the acknowledgment.',
    'command',
  )
  readonly queries: Counter = new Counter('cim_queries_total', 'Queries by type and by ok, or code of the problem.', [
    'query',
    'status',
  ])
  readonly queryDuration: Histogram = new Histogram(
    'cim_query_duration_seconds',
    'From the request to the result, waiting for a position included.',
    'query',
  )
  readonly requests: Counter = new Counter('cim_http_requests_total', 'HTTP requests by route and status.', [
    'method',
    'route',
    'status',
  ])
  /** Live streams that are open. */
  openStreams = 0

  /** @returns everything in the exposition format, as of now */
  async render(application: Application): Promise<string> {
    const lines = [
      ...this.commands.lines(),
      ...this.commandDuration.lines(),
      ...this.queries.lines(),
      ...this.queryDuration.lines(),
      ...this.requests.lines(),
      ...gauge('cim_event_streams', 'Live event streams that are open.', this.openStreams),
      ...(await applicationLines(application)),
      ...processLines(),
    ]
    return `${lines.join('\n')}\n`
  }
}

async function applicationLines(application: Application): Promise<readonly string[]> {
  const head = await application.eventStore.headPosition().catch(() => undefined)
  return [
    ...gauge('cim_event_store_up', 'Whether the event store answers.', head === undefined ? 0 : 1),
    ...(head === undefined ? [] : gauge('cim_event_store_head_position', 'The position of the newest event.', head)),
    ...queueLines(application),
    ...(await processorLines(application, head)),
    ...(await sagaLines(application)),
  ]
}

function queueLines({ commandQueue }: Application): readonly string[] {
  const { depth, oldestPendingMs } = commandQueue.status
  return [
    ...gauge('cim_command_queue_depth', 'Queued commands that are not finished.', depth),
    ...gauge('cim_command_queue_oldest_seconds', 'How long the oldest of them has waited.', oldestPendingMs / 1000),
  ]
}

function processLines(): readonly string[] {
  const { rss, heapUsed } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  return [
    ...gauge('process_resident_memory_bytes', 'Memory that the operating system has given.', rss),
    ...gauge('process_heap_used_bytes', 'Memory in use by JavaScript.', heapUsed),
    ...gauge('process_uptime_seconds', 'Since the process began.', process.uptime()),
    ...header('process_cpu_seconds_total', 'counter', 'Processor time used.'),
    `process_cpu_seconds_total ${(user + system) / 1e6}`,
  ]
}
