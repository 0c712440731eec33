/** A runner whose time and failures a test decides. Tested itself when it is run by itself. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DomainEvent } from '../event-store/domain-event.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import type { ProjectionDefinition } from '../read-side/projection.ts'
import { ProjectionProcessor } from '../read-side/projection-processor.ts'
import { balances } from '../read-side/sample-balances.test.ts'
import type { ViewStore } from '../read-side/view-store.ts'
import type { Views } from '../read-side/views.ts'
import { appendDeposits } from '../sample-account.test.ts'
import { ProcessorRunner } from './processor-runner.ts'
import type { ProcessorRunnerOptions } from './processor-runner-options.ts'
import { manualClock } from './sample-processing.test.ts'

type Applied = { readonly positions: readonly number[] }

export const processorName = 'Applied@1'

/** Positions of the events that fail, and how they do; a test changes it. */
export type Poison = Map<number, () => void | Promise<void>>

/** @returns stores, a clock, and runners over them of a projection that notes which events it has applied */
export function scene(eventStore: EventStore = new MemoryEventStore()) {
  const clock = manualClock()
  const viewStore = new MemoryViewStore()
  const { progressStore } = viewStore
  const poison: Poison = new Map()
  const told: string[] = []
  const projection = {
    ...balances,
    viewName: 'Applied',
    indexes: {},
    project: ({ aggregateId, position }: DomainEvent, views: Views<Applied>) => {
      views.update(aggregateId, (view) => ({ positions: [...(view?.positions ?? []), position] }))
      return poison.get(position)?.()
    },
  } as unknown as ProjectionDefinition<Applied>
  const newRunner = (
    options: Partial<ProcessorRunnerOptions> & { readonly views?: ViewStore; readonly handlerTimeoutMs?: number } = {},
  ) => {
    const { views = viewStore, handlerTimeoutMs = 60_000, ...rest } = options
    const processor = new ProjectionProcessor(projection, views, { clock, handlerTimeoutMs })
    const onError = (error: unknown) => void told.push(error instanceof Error ? error.message : String(error))
    return new ProcessorRunner({ eventStore, processor, clock, onError, random: () => 0, ...rest })
  }
  const deposit = (aggregateId: string, count = 1) =>
    appendDeposits(eventStore, aggregateId, ...Array<number>(count).fill(1))
  const views = async () =>
    Object.fromEntries((await viewStore.list(projection)).map(({ id, view }) => [id, (view as Applied).positions]))
  const held = async () =>
    (await progressStore.listDeadLetters(processorName)).sequences.map(
      ({ aggregateId, state, fromPosition, toPosition, eventCount, attempts, failure }) =>
        [aggregateId, state, fromPosition, toPosition, eventCount, attempts, failure.message] as const,
    )
  return { clock, eventStore, viewStore, progressStore, projection, poison, told, newRunner, deposit, views, held }
}

if (import.meta.main) {
  test('the sample runner applies events', async () => {
    const { newRunner, deposit, views, clock, poison, held } = scene()
    await deposit('a', 2)
    await deposit('b')
    poison.set(3, () => assert.fail('poison'))
    const runner = newRunner()
    await runner.start()
    await clock.pass(0)
    await runner.stop()
    assert.deepEqual(await views(), { a: [1, 2] })
    assert.deepEqual(await held(), [['b', 'retrying', 3, 3, 1, 1, 'poison']])
  })
}
