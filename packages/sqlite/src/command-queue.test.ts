/**
 * Queued commands on real files, by processes that are killed at seeded points: before and after calls of the stores, and
 * statements. CIM_KILLS says how many kills, CIM_SEED repeats a run.
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { CommandAcknowledgment, CommandFinished, CommandQueued, DomainEventEnvelope } from '@cim/core'
import { SqliteEventStore } from './sqlite-event-store.ts'
import { Child } from './test-support/child.ts'
import { planLife, type QueueLife } from './test-support/queue-suite/counter.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

const kills = Number(process.env.CIM_KILLS ?? 15)
const seed = Number(process.env.CIM_SEED ?? Date.now() % 1_000_000)
/** Longer than any life should take. */
const lifeTimeoutMs = 60_000

describe('queued commands of processes that are killed', () => {
  test('end in one outcome each, are executed once, and in the order in which they were queued', async (context) => {
    context.diagnostic(`seed ${seed}: repeat with CIM_SEED=${seed} CIM_KILLS=${kills}`)
    const folder = temporaryFolder(context)
    process.env.NODE_COMPILE_CACHE ??= join(folder, 'cache')
    const heard: CommandAcknowledgment[] = []
    let atPoints = 0
    for (let number = 1; number <= kills; number++) atPoints += await live(folder, planLife(seed, number), heard)
    await live(folder, { seed, number: kills + 1 }, heard)
    context.diagnostic(`${kills} kills, ${atPoints} of them at fault points; ${heard.length} acknowledgments`)
    assert.ok(atPoints >= kills / 2, 'most processes reach the point at which they are to be killed')
    await using eventStore = new SqliteEventStore({ path: join(folder, 'events.db') })
    check(await allEvents(eventStore), heard)
  })
})

async function allEvents(eventStore: SqliteEventStore): Promise<readonly DomainEventEnvelope[]> {
  const events: DomainEventEnvelope[] = []
  for (let [position, isEnd] = [0, false]; !isEnd; ) {
    const page = await eventStore.readEvents({ afterPosition: position, limit: 10_000 })
    events.push(...page.events)
    ;({ position, isEnd } = page)
  }
  return events
}

/** @returns 1 when it was killed at its point, 0 when it had done everything before */
async function live(folder: string, life: QueueLife, heard: CommandAcknowledgment[]): Promise<0 | 1> {
  const child = new Child('queue-suite/live.ts', { args: [folder, JSON.stringify(life)] })
  try {
    const ended = await child.ended(AbortSignal.timeout(lifeTimeoutMs))
    assert.equal(ended, life.fault === undefined ? 0 : 'SIGKILL', `it ended otherwise: ${child.errors}`)
    for (const line of child.lines) {
      if (line.startsWith('acknowledged ')) heard.push(JSON.parse(line.slice('acknowledged '.length)))
    }
    return child.lines.some((line) => line.startsWith('reached ')) ? 1 : 0
  } catch (error) {
    throw new Error(`CIM_SEED=${seed}, ${folder}, ${JSON.stringify(life)}`, { cause: error })
  } finally {
    await child.kill()
  }
}

function check(events: readonly DomainEventEnvelope[], heard: readonly CommandAcknowledgment[]): void {
  const queued = events.filter(({ eventType }) => eventType === 'CommandQueued')
  const finished = events.filter(({ eventType }) => eventType === 'CommandFinished')
  const idsOf = (some: readonly DomainEventEnvelope[]) => some.map(({ aggregateId }) => aggregateId)
  assert.ok(queued.length > kills, `${queued.length} commands`)
  assert.equal(new Set(idsOf(finished)).size, finished.length, 'one outcome each')
  assert.deepEqual(idsOf(finished).sort(), idsOf(queued).sort())
  const outcomes = new Map(
    finished.map(({ aggregateId, eventData }) => [aggregateId, (eventData as CommandFinished).acknowledgment]),
  )
  for (const acknowledgment of heard) {
    const outcome = outcomes.get(acknowledgment.commandId)
    assert.ok(outcome !== undefined, `${acknowledgment.commandId} was acknowledged and is lost`)
    if (acknowledgment.status !== 'Pending') assert.deepEqual(acknowledgment, outcome)
  }
  const expected = new Map<string, string[]>()
  for (const { aggregateId: commandId, eventData } of queued) {
    const { aggregateId, data } = (eventData as CommandQueued).command
    const { isRefused } = data as { readonly isRefused: boolean }
    assert.equal(outcomes.get(commandId)?.status, isRefused ? 'Rejected' : 'Accepted')
    if (!isRefused) expected.set(aggregateId, [...(expected.get(aggregateId) ?? []), commandId])
  }
  const executed = new Map<string, string[]>()
  for (const { eventType, aggregateId, metadata } of events) {
    if (eventType !== 'Counted') continue
    executed.set(aggregateId, [...(executed.get(aggregateId) ?? []), metadata.commandId ?? ''])
  }
  for (const [aggregateId, commandIds] of expected) assert.deepEqual(executed.get(aggregateId), commandIds)
  assert.equal(executed.size, expected.size)
}
