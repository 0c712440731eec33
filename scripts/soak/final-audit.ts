// Looks for what a soaked service has lost, doubled or disordered.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { SqliteEventStore } from '@cim/sqlite'
import { employmentOf } from '../../examples/people/src/hiring-process.ts'
import { assertViewsEqualReplay } from '../../examples/people/src/test-support/compare-views.ts'
import type { SoakClient } from './soak-client.ts'
import type { Tally } from './tally.ts'
import type { Watcher } from './watcher.ts'

type StoredEvent = Awaited<ReturnType<SqliteEventStore['readEvents']>>['events'][number]

const PATIENCE_MS = 60_000
/** Command ids of the load begin so. */
const OWN_COMMAND = /^w\d+-c\d+$/

/**
 * Waits until everything is processed and told, and audits every processor.
 * @returns the position of the last event
 */
export async function auditOverHttp(client: SoakClient, log: Watcher, findings: string[]): Promise<number> {
  const names = await untilQuiet(client)
  for (const name of names) {
    const { body } = await client.post(`/admin/processors/${encodeURIComponent(name)}/audit`)
    // The queue's record begins with the first command that was queued.
    const isWhole = body.verdict === 'complete' || (name === 'CommandQueue' && body.verdict === 'partly-recorded')
    if (!isWhole) findings.push(`${name}: ${body.message}`)
    const { events } = body.heldBack as { readonly events: number }
    if (events > 0) findings.push(`${name} holds ${events} events back.`)
  }
  const { body } = await client.ask('/events?aggregateType=None&limit=1')
  const position = Number(body.position)
  for (const begun = performance.now(); log.lastId < position && performance.now() - begun < PATIENCE_MS; )
    await sleep(50)
  return position
}

/** @returns the names of the processors, once none has anything to do, and none gives another something to do */
async function untilQuiet(client: SoakClient): Promise<readonly string[]> {
  let before = ''
  for (const begun = performance.now(); performance.now() - begun < PATIENCE_MS; await sleep(200)) {
    const { body } = await client.ask('/admin/processors')
    const processors = body.processors as readonly {
      readonly processorName: string
      readonly lagEvents: number
      readonly headPosition: number
    }[]
    const now = JSON.stringify(processors.map(({ headPosition }) => headPosition))
    if (processors.every(({ lagEvents }) => lagEvents === 0) && now === before) {
      return processors.map(({ processorName }) => processorName)
    }
    before = now
  }
  throw new Error('The processors have not caught up within a minute after the last command.')
}

/** Looks into the files of a service that does not run. */
export async function auditStores(
  dataFolder: string,
  tally: Tally,
  findings: string[],
): Promise<{ readonly events: number; readonly snapshots: number }> {
  const check = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      findings.push(`${what}: ${error instanceof Error ? error.message : error}`)
    }
  }
  const path = join(dataFolder, 'events.sqlite')
  let events = 0
  await check('Events', async () => {
    await using eventStore = new SqliteEventStore({ path })
    const { problems } = await eventStore.verify()
    assert.deepEqual(problems, [])
    events = await checkLog(eventStore, tally)
  })
  await check('Views', () => assertViewsEqualReplay(dataFolder))
  const database = new DatabaseSync(path, { readOnly: true })
  const { snapshots } = database.prepare('SELECT count(*) AS snapshots FROM snapshots').get() as { snapshots: number }
  database.close()
  return { events, snapshots }
}

/** Each command once, whatever was acknowledged as it was acknowledged, nothing else of the load, and each hiring to its end. */
async function checkLog(eventStore: SqliteEventStore, tally: Tally): Promise<number> {
  const byCommand = new Map<string, StoredEvent>()
  const versions = new Map<string, number>()
  const perAggregate = new Map<string, Map<string, number>>()
  let position = 0
  for (let isEnd = false; !isEnd; ) {
    const page = await eventStore.readEvents({ afterPosition: position, limit: 10_000 })
    for (const event of page.events) {
      const { aggregateType, aggregateId, sequence, eventType, metadata } = event
      const key = `${aggregateType} ${aggregateId}`
      assert.equal(sequence, (versions.get(key) ?? 0) + 1, `${key} has a gap or a duplicate`)
      versions.set(key, sequence)
      const types = perAggregate.get(key) ?? new Map<string, number>()
      perAggregate.set(key, types.set(eventType, (types.get(eventType) ?? 0) + 1))
      if (aggregateType !== 'Person' || !OWN_COMMAND.test(metadata.commandId ?? '')) continue
      const commandId = metadata.commandId ?? ''
      assert.ok(!byCommand.has(commandId), `${commandId} happened twice`)
      byCommand.set(commandId, event)
    }
    position = page.position
    isEnd = page.isEnd
  }
  for (const { commandId, aggregateId, version, timestamp, position: at } of tally.acknowledged) {
    const event = byCommand.get(commandId)
    assert.ok(event !== undefined, `${commandId} was acknowledged and is lost`)
    const stored = [event.aggregateId, event.sequence, event.position, event.timestamp]
    assert.deepEqual([aggregateId, version, at, timestamp], stored, commandId)
    byCommand.delete(commandId)
  }
  assert.deepEqual([...byCommand.keys()], [], 'commands happened that were never acknowledged')
  for (const id of tally.hired) {
    const employment = perAggregate.get(`Employment ${employmentOf(id)}`) ?? new Map()
    const expected = { EmploymentStarted: 1, HRNotificationRequested: 1, HRNotified: 1 }
    assert.deepEqual(Object.fromEntries(employment), expected, `the hiring of ${id}`)
    assert.equal(perAggregate.get(`HiringProcess ${id}`)?.get('SagaCompleted'), 1, `the hiring of ${id} has no end`)
  }
  return position
}
