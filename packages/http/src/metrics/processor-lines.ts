/** What the metrics say of processors: one sample for each processor and metric, however many aggregates there are. */

import type { Application, DeadLetterCounts, ProcessorStatus } from '@cim/core'
import { formatSample, header } from './exposition.ts'

const states: readonly ProcessorStatus['state'][] = ['stopped', 'waiting', 'running', 'retrying', 'paused']

/** The longest wait for the counts of dead letters, in milliseconds. */
const patienceMs = 1000

/** @param head the position of the newest event, undefined when the event store does not answer */
export async function processorLines(application: Application, head: number | undefined): Promise<readonly string[]> {
  const { processors } = application
  const held = await Promise.all(processors.map(({ processorName }) => countHeld(application, processorName)))
  const each = (
    type: 'counter' | 'gauge',
    name: string,
    help: string,
    value: (status: ProcessorStatus) => number,
  ): readonly string[] => [
    ...header(name, type, help),
    ...processors.map((status) => formatSample(name, ['processor'], [status.processorName], value(status))),
  ]
  const withLabel = (name: string, help: string, label: string, samples: readonly Sample[]): readonly string[] => [
    ...header(name, 'gauge', help),
    ...samples.map(([processor, value, count]) => formatSample(name, ['processor', label], [processor, value], count)),
  ]
  const counted = processors.flatMap(({ processorName }, index) => {
    const counts = held[index]
    return counts === undefined ? [] : [{ processorName, counts }]
  })
  return [
    ...each('gauge', 'cim_processor_running', 'Whether it runs, failing or not.', ({ state }) =>
      state === 'stopped' ? 0 : 1,
    ),
    ...withLabel(
      'cim_processor_state',
      'The state that it is in has 1, all others 0.',
      'state',
      processors.flatMap(({ processorName, state }) =>
        states.map((one): Sample => [processorName, one, one === state ? 1 : 0]),
      ),
    ),
    ...each(
      'gauge',
      'cim_processor_position',
      'The position up to which everything is processed.',
      ({ position }) => position,
    ),
    ...(head === undefined
      ? []
      : each('gauge', 'cim_processor_lag_events', 'Positions between it and the newest event.', ({ position }) =>
          Math.max(0, head - position),
        )),
    ...each(
      'gauge',
      'cim_processor_lag_seconds',
      'About how old the oldest event is that is still to come.',
      ({ lagSeconds }) => lagSeconds,
    ),
    ...each(
      'gauge',
      'cim_processor_events_per_second',
      'Events processed each second, over the last ten seconds or so.',
      ({ eventsPerSecond }) => eventsPerSecond,
    ),
    ...each(
      'gauge',
      'cim_processor_in_flight_events',
      'Events that are being processed, or are processed and not saved.',
      ({ inFlightEvents }) => inFlightEvents,
    ),
    ...each(
      'gauge',
      'cim_processor_failures',
      'How often in a row something other than an event has failed.',
      ({ failures }) => failures,
    ),
    ...each(
      'counter',
      'cim_processor_events_total',
      'Events processed since the start.',
      ({ processedEvents }) => processedEvents,
    ),
    ...each(
      'counter',
      'cim_processor_failed_attempts_total',
      'Attempts at single events that failed, since the start.',
      ({ failedAttempts }) => failedAttempts,
    ),
    ...withLabel(
      'cim_processor_held_sequences',
      'Aggregates whose events are held back.',
      'state',
      counted.flatMap(({ processorName, counts: { retryingSequences, parkedSequences } }): Sample[] => [
        [processorName, 'retrying', retryingSequences],
        [processorName, 'parked', parkedSequences],
      ]),
    ),
    ...header('cim_processor_held_events', 'gauge', 'Events that are held back.'),
    ...counted.map(({ processorName, counts }) =>
      formatSample('cim_processor_held_events', ['processor'], [processorName], counts.events),
    ),
  ]
}

type Sample = readonly [processorName: string, label: string, value: number]

/** @returns undefined when the store does not answer, or not soon: then the samples are left out */
async function countHeld({ processing }: Application, processorName: string): Promise<DeadLetterCounts | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => resolve(undefined), patienceMs)
  try {
    return await Promise.race([processing.show(processorName).then(({ deadLetters }) => deadLetters), promise])
  } catch {
    return undefined
  } finally {
    clearTimeout(timer)
  }
}
