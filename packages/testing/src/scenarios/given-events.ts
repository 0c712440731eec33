/** given → then for projections, through the real event store, processor and view store, in memory. */

import {
  type IndexValue,
  MemoryEventStore,
  MemoryViewStore,
  ProcessorRunner,
  type ProjectionDefinition,
  ProjectionProcessor,
  parseWith,
  waitForPosition,
} from '@cim/core'
import type { PastEvent } from './past-event.ts'
import { assertSame, ScenarioError, show } from './scenario-error.ts'

/** What a projection makes of its events. Every method throws a {@link ScenarioError} when it made something else. */
export interface ProjectedViews<TView, TIndex extends string> {
  /** The document under this id is exactly this one. */
  thenView(id: string, expected: TView): Promise<void>
  /** No document is under this id. */
  thenNoView(id: string): Promise<void>
  /** Exactly the documents with these ids are found under a value, in this order. */
  thenFound(index: TIndex, value: IndexValue, ids: readonly string[]): Promise<void>
}

/**
 * Begins a scenario. The events are projected twice, all together and one by one: both must make the same views, because
 * nobody can say how many events a batch will hold. Every document must fit the projection's schema.
 * @param projection the projection
 * @param events what happened, in this order, made by `pastEvent()`
 */
export function givenEvents<TView, TIndex extends string>(
  projection: ProjectionDefinition<TView, TIndex>,
  events: readonly PastEvent[],
): ProjectedViews<TView, TIndex> {
  const scenario = `given ${[projection.viewName, ...events.map(({ event }) => event.eventType)].join(', ')}`
  let projecting: Promise<MemoryViewStore> | undefined
  const views = (): Promise<MemoryViewStore> => {
    projecting ??= projectBothWays(scenario, projection, events)
    return projecting
  }
  return {
    async thenView(id, expected) {
      const found = await (await views()).getMany(projection, [id])
      if (!found.has(id)) {
        const ids = [...(await (await views()).list(projection)).map((row) => row.id)]
        const there = ids.length === 0 ? 'there is none at all' : `there are ${show(ids)}`
        throw new ScenarioError(`${scenario}: expected a view ${show(id)}, ${there}.`, expected)
      }
      assertSame(scenario, `the view ${show(id)}`, expected, found.get(id))
    },
    async thenNoView(id) {
      const found = await (await views()).getMany(projection, [id])
      if (!found.has(id)) return
      throw new ScenarioError(`${scenario}: expected no view ${show(id)}, got ${show(found.get(id))}.`)
    },
    async thenFound(index, value, ids) {
      const rows = await (await views()).find(projection, index, { equals: value, limit: 10_000 })
      const actual = rows.map(({ id }) => id)
      assertSame(scenario, `what is found under ${index} ${show(value)}`, ids, actual)
    },
  }
}

async function projectBothWays<TView>(
  scenario: string,
  projection: ProjectionDefinition<TView>,
  events: readonly PastEvent[],
): Promise<MemoryViewStore> {
  const together = await project(scenario, projection, [events])
  const rows = await together.list(projection, { limit: 10_000 })
  for (const { id, view } of rows) await checkView(scenario, projection, id, view)
  const single = await project(
    scenario,
    projection,
    events.map((event) => [event]),
  )
  const same = 'what comes of the events one by one, compared with all together,'
  assertSame(scenario, same, rows, await single.list(projection, { limit: 10_000 }))
  return together
}

/** @param groups of events that are there together, each once the view has seen the one before */
async function project<TView>(
  scenario: string,
  projection: ProjectionDefinition<TView>,
  groups: readonly (readonly PastEvent[])[],
): Promise<MemoryViewStore> {
  const viewStore = new MemoryViewStore()
  await viewStore.openView(projection)
  let time = Date.UTC(2026, 0, 1)
  await using eventStore = new MemoryEventStore({ now: () => time })
  const failure = Promise.withResolvers<never>()
  const stopped = new AbortController()
  const fail = (error: unknown): void => {
    const message = error instanceof Error ? error.message : String(error)
    failure.reject(new ScenarioError(`${scenario}: the projection failed: ${message}`, undefined, error))
  }
  const processor = new ProjectionProcessor(projection, viewStore)
  const runner = new ProcessorRunner({ eventStore, processor, onError: fail })
  try {
    for (const group of groups) {
      for (const { aggregateType, aggregateId, event, timestamp } of group) {
        if (timestamp !== undefined) time = Date.parse(timestamp)
        await eventStore.appendEvents({ aggregateType, aggregateId }, [event], { expectedVersion: 'any' })
      }
      // Does nothing from the second time on.
      await runner.start()
      const afterPosition = await eventStore.headPosition()
      const seen = waitForPosition(viewStore, projection, { afterPosition, waitMs: 60_000, signal: stopped.signal })
      await Promise.race([seen, failure.promise])
    }
  } finally {
    stopped.abort()
    await runner.stop()
  }
  return viewStore
}

async function checkView(scenario: string, projection: ProjectionDefinition, id: string, view: unknown): Promise<void> {
  try {
    await parseWith(projection.schema, view, `view ${show(id)}`)
  } catch (error) {
    throw new ScenarioError(`${scenario}: ${error instanceof Error ? error.message : String(error)}`, undefined, view)
  }
}
