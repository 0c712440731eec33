/** What must be true at each commit, and when everything has settled. */

import assert from 'node:assert/strict'
import {
  type DomainEventEnvelope,
  type EventStore,
  type MemoryViewStore,
  nothingSeen,
  type ProcessorStatus,
  type ViewCommit,
  type ViewDefinition,
  viewKey,
  withSeen,
} from '@cim/core'
import { type AppliedView, type Happening, misbehaviours, sharedId } from './unruly-projection.ts'

/** Looks at each commit as it takes effect, and tells of the first one that should not have. */
export function watchCommits(viewStore: MemoryViewStore, eventStore: EventStore, tell: (error: unknown) => void): void {
  const commit = viewStore.commit.bind(viewStore)
  viewStore.commit = async (of: ViewDefinition, what: ViewCommit) => {
    await commit(of, what)
    await check(what).catch(tell)
  }
  const check = async (what: ViewCommit): Promise<void> => {
    const { progress, position } = what
    assert.equal(progress?.position, position, 'view and progress are saved together')
    const matching = await wanted(eventStore)
    const before = matching.filter((event) => event.position <= position)
    assert.deepEqual(progress?.seen, withSeen(nothingSeen, before), `everything up to ${position} is seen once`)
    for (const change of progress?.deadLetters ?? []) {
      if (change.kind === 'resolve') continue
      const { aggregateId, fromSequence, toSequence, eventCount, failure } = change.sequence
      const failed = matching.find(({ eventId }) => eventId === failure.eventId)
      const behaviour = (failed?.eventData as Happening | undefined)?.behaviour ?? 'unknown'
      // A handler is given up too when the store keeps it waiting.
      assert.ok(misbehaviours.includes(behaviour) || failure.code === 'handler-timeout', `${behaviour} is not to blame`)
      const held = matching.filter(
        (event) => event.aggregateId === aggregateId && event.sequence >= fromSequence && event.sequence <= toSequence,
      )
      assert.equal(held.length, eventCount, `what ${aggregateId} holds back is counted`)
    }
  }
}

/** Compares the views with a model that is computed from the events, and from what is held back or was discarded, alone. */
export async function assertViews(
  viewStore: MemoryViewStore,
  view: ViewDefinition,
  eventStore: EventStore,
): Promise<void> {
  const { progressStore } = viewStore
  const processorName = viewKey(view)
  const discarded = await progressStore.listDiscarded(processorName, 1000)
  const { sequences } = await progressStore.listDeadLetters(processorName, { limit: 1000 })
  const isLeftOut = (event: DomainEventEnvelope): boolean =>
    [...discarded, ...sequences].some(
      ({ aggregateId, fromSequence, toSequence }) =>
        event.aggregateId === aggregateId && event.sequence >= fromSequence && event.sequence <= toSequence,
    )
  const all = await wanted(eventStore)
  const events = all.filter((event) => !isLeftOut(event))
  const expected = new Map<string, number[]>()
  for (const { aggregateId, position } of events) {
    const positions = expected.get(aggregateId)
    if (positions === undefined) expected.set(aggregateId, [position])
    else positions.push(position)
  }
  const rows = await viewStore.list(view)
  const actual = new Map(rows.map(({ id, view }) => [id, (view as AppliedView).positions]))
  const shared = actual.get(sharedId) ?? []
  actual.delete(sharedId)
  assert.deepEqual(
    [...shared].sort((one, other) => one - other),
    events.map(({ position }) => position),
    'every event is applied once to the shared document',
  )
  assert.deepEqual(
    [...actual].sort(([one], [other]) => (one < other ? -1 : 1)),
    [...expected].sort(([one], [other]) => (one < other ? -1 : 1)),
    'the events of each aggregate are applied once and in order',
  )
  const progress = await progressStore.readProgress(processorName)
  assert.deepEqual(progress?.seen, withSeen(nothingSeen, all), 'every event is seen once')
}

/** One runner has the processor and nothing left to do, the other waits. */
export function assertStatuses(statuses: readonly ProcessorStatus[], head: number): void {
  const [running, ...others] = [...statuses].sort((one, other) => (one.state < other.state ? -1 : 1))
  assert.deepEqual([running?.state, ...others.map(({ state }) => state)], ['running', 'waiting'])
  assert.deepEqual([running?.position, running?.failures, running?.heldSequences], [head, 0, 0])
}

async function wanted(eventStore: EventStore): Promise<readonly DomainEventEnvelope[]> {
  const { events } = await eventStore.readEvents({ limit: 10_000 })
  return events.filter(({ eventType }) => eventType === 'Happened')
}
