/** Views of the past and branches, read from SQLite. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  BranchEventStore,
  defineProjection,
  type EventStore,
  MemoryEventStore,
  type NewEvent,
  openBranch,
  type ProjectionDefinition,
  type Schema,
  ViewsAt,
} from '@cim/core'
import { eventStoreConformance } from '@cim/testing'
import { SqliteEventStore } from './sqlite-event-store.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

const start = Date.UTC(2026, 0, 1)
const aggregateOf = (number: number) => ({
  aggregateType: number % 5 === 0 ? 'Team' : 'Person',
  aggregateId: `a-${number % 7}`,
})

/** 150 appends of one to three events, a second apart; the tenth of them by a command that is remembered. */
async function fill(store: EventStore, clock: { time: number }): Promise<void> {
  for (let number = 0; number < 150; number++) {
    clock.time += 1000
    const commandId = `c-${number}`
    const events = Array.from({ length: (number % 3) + 1 }, (_, index): NewEvent => {
      const metadata = number % 10 === 0 ? { commandId } : { correlationId: `k-${number % 4}` }
      return { eventId: `e-${number}-${index}`, eventType: `Noted${index}`, eventData: { number }, metadata }
    })
    const command = number % 10 === 0 ? { command: { commandId, fingerprint: number } } : undefined
    await store.appendEvents(aggregateOf(number), events, { expectedVersion: 'any', ...command })
  }
}

async function readAll(store: EventStore, options: object, limit: number): Promise<readonly unknown[]> {
  const found: unknown[] = []
  for (let afterPosition = 0; ; ) {
    const page = await store.readEvents({ ...options, afterPosition, limit })
    found.push(...page.events)
    if (page.isEnd) return found
    assert.ok(page.position > afterPosition)
    afterPosition = page.position
  }
}

test('a branch of a SQLite store reads like a branch of a store in memory, under any conditions', async (context) => {
  const clock = { time: start }
  const now = () => clock.time
  await using sqlite = new SqliteEventStore({ path: join(temporaryFolder(context), 'events.db'), now })
  const memory = new MemoryEventStore({ now })
  await fill(sqlite, clock)
  clock.time = start
  await fill(memory, clock)
  const before = await readAll(sqlite, {}, 1000)
  for (const position of [0, 1, 2, 3, 149, 150, 299, 300]) {
    const branches = [await openBranch(sqlite, { position }, now), await openBranch(memory, { position }, now)]
    const seen = []
    for (const branch of branches) {
      const outcome = []
      for (const number of [150, 151, 152]) {
        const event = { eventId: `own-${number}`, eventType: 'Noted0', eventData: { number } }
        outcome.push(await branch.appendEvents(aggregateOf(number), [event], { expectedVersion: 'any' }))
      }
      for (const options of [
        {},
        { aggregateType: 'Team' },
        { correlationId: 'k-1' },
        { subjectPatterns: 'events.*.Noted2' },
      ]) {
        for (const limit of [1, 7, 1000]) outcome.push(await readAll(branch, options, limit))
      }
      for (const number of [0, 1, 5]) outcome.push(await branch.loadEvents(aggregateOf(number)))
      for (const number of [0, 70, 140]) outcome.push(await branch.findCommand(aggregateOf(number), `c-${number}`))
      seen.push([...outcome, await branch.headPosition()])
    }
    assert.deepEqual(seen[0], seen[1])
  }
  assert.deepEqual(await readAll(sqlite, {}, 1000), before)
})

test('a view of the past that is replayed from SQLite counts what had happened', async (context) => {
  const clock = { time: start }
  const now = () => clock.time
  await using eventStore = new SqliteEventStore({ path: join(temporaryFolder(context), 'events.db'), now })
  await fill(eventStore, clock)
  type Count = { readonly events: number }
  const schema: Schema<Count> = {
    '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as Count }) },
  }
  const team = { aggregateType: 'Team', events: { Noted0: schema, Noted1: schema, Noted2: schema }, upcasters: {} }
  const count = (id: string, views: { update(id: string, change: (view: Count | undefined) => Count): void }) =>
    views.update(id, (view) => ({ events: (view?.events ?? 0) + 1 }))
  const counts = defineProjection('Counts', {
    from: [team],
    schema,
    on: {
      Noted0: ({ aggregateId }, views) => count(aggregateId, views),
      Noted2: ({ aggregateId }, views) => count(aggregateId, views),
    },
  }) as unknown as ProjectionDefinition
  const views = new ViewsAt(eventStore, now, {}, { batchSize: 50 })
  const log = (await readAll(eventStore, { aggregateType: 'Team' }, 1000)) as readonly {
    readonly position: number
    readonly timestamp: string
    readonly aggregateId: string
    readonly eventType: string
  }[]
  for (const seconds of [0, 1, 5, 6, 100, 149, 150, 70]) {
    const timestamp = new Date(start + seconds * 1000).toISOString()
    const { position, time } = await views.resolve({ timestamp })
    assert.equal(time, timestamp)
    const expected = new Map<string, Count>()
    for (const event of log) {
      assert.equal(event.position <= position, event.timestamp <= timestamp)
      if (event.position > position || event.eventType === 'Noted1') continue
      count(event.aggregateId, { update: (id, change) => void expected.set(id, change(expected.get(id))) })
    }
    const { viewStore, view } = await views.viewAt(counts, position)
    assert.deepEqual(new Map((await viewStore.list(view)).map((row) => [row.id, row.view])), expected)
  }
})

eventStoreConformance('a branch at the beginning of a SQLite store with events', async ({ now }) => {
  const folder = mkdtempSync(join(tmpdir(), 'cim-sqlite-'))
  const eventStore = new SqliteEventStore({ path: join(folder, 'events.db'), now })
  for (const aggregateId of ['ada', 'bob']) {
    const events = [{ eventType: 'Noted', eventData: { number: 1000 } }]
    await eventStore.appendEvents({ aggregateType: 'Person', aggregateId }, events, { expectedVersion: 0 })
  }
  const dispose = async (): Promise<void> => {
    await eventStore.close()
    rmSync(folder, { recursive: true })
  }
  return { store: new BranchEventStore({ eventStore, position: 0, now }), dispose }
})
