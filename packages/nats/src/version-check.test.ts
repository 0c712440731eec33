/** The version check of many writers, each with a connection of its own, on one server and on three. */

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import type { CommandIdentity, CommandRecord, EventStore } from '@cim/core'
import { jetstream } from '@nats-io/jetstream'
import { headers } from '@nats-io/nats-core'
import { connect } from '@nats-io/transport-node'
import { JetStreamEventStore } from './jetstream-event-store.ts'
import { AggregateSubjects } from './messages/event-subject.ts'
import { startNatsCluster, startNatsServer } from './test-support/nats-server.ts'
import { allEvents, assertStoredOnce, noted, person } from './test-support/sample-events.ts'
import { deleteStreams, ownStream } from './test-support/test-stores.ts'

const [server, cluster] = await Promise.all([startNatsServer(), startNatsCluster()])
after(() => Promise.all([server[Symbol.asyncDispose](), cluster[Symbol.asyncDispose]()]))

/** As many stores on one stream, as processes would have. */
async function openStores(servers: string | readonly string[], count: number) {
  const own = ownStream({ servers })
  const first = await JetStreamEventStore.open(own)
  const others = Array.from({ length: count - 1 }, () => JetStreamEventStore.open(own))
  const stores: readonly EventStore[] = [first, ...(await Promise.all(others))]
  const close = async () => {
    for (const store of stores) await store.close()
    await deleteStreams(own)
  }
  return { stores, own, [Symbol.asyncDispose]: close }
}

for (const [title, servers] of [
  ['one server', server.url],
  ['three servers', cluster.urls],
] as const) {
  describe(`on ${title}`, () => {
    test('of 200 writers that race, exactly one wins each round', { timeout: 60_000 }, async () => {
      await using opened = await openStores(servers, 10)
      for (let version = 0; version < 5; version++) {
        const appends = Array.from({ length: 200 }, (_, writer) =>
          opened.stores[writer % 10]?.appendEvents(person('ada'), noted(1, writer), { expectedVersion: version }),
        )
        const outcomes = await Promise.allSettled(appends)
        const lost = outcomes.filter((outcome) => outcome.status === 'rejected')
        assert.equal(lost.length, 199)
        for (const { reason } of lost) {
          assert.deepEqual([reason.code, reason.actualVersion], ['concurrency', version + 1])
        }
      }
      const [store] = opened.stores
      assert.equal((await allEvents(store as EventStore)).length, 5)
    })

    test('writers at any version, with one event or several, all succeed without gaps', {
      timeout: 60_000,
    }, async () => {
      await using opened = await openStores(servers, 8)
      const appends = Array.from({ length: 80 }, (_, writer) => {
        const store = opened.stores[writer % 8] as EventStore
        return store.appendEvents(person(`p-${writer % 3}`), noted(1 + (writer % 3), writer), {
          expectedVersion: 'any',
        })
      })
      const results = await Promise.all(appends)
      await assertStoredOnce(opened.stores[0] as EventStore, results)
      const events = results.reduce((sum, result) => sum + result.events.length, 0)
      assert.equal((await allEvents(opened.stores[1] as EventStore)).length, events)
    })

    test('a command that is accepted here and rejected there has one outcome', { timeout: 60_000 }, async () => {
      await using opened = await openStores(servers, 4)
      const [reader] = opened.stores
      for (let round = 0; round < 20; round++) {
        const command: CommandIdentity = { commandId: `c-${round}`, fingerprint: round }
        const told = opened.stores.map(async (store, index): Promise<string> => {
          if (index % 2 === 0) {
            const events = noted(1).map((event) => ({ ...event, metadata: { commandId: command.commandId } }))
            const result = await store.appendEvents(person('ada'), events, { expectedVersion: 'any', command })
            return result.events.length > 0 ? 'Accepted' : 'Rejected'
          }
          const rejected = { status: 'Rejected', version: 0, position: 0, timestamp: '' } as const
          return (await store.recordCommand(person('ada'), { ...command, ...rejected })).status
        })
        const statuses = new Set(await Promise.all(told))
        assert.equal(statuses.size, 1, `round ${round}: ${[...statuses].join(' and ')}`)
        const kept: CommandRecord | undefined = await reader?.findCommand(person('ada'), command.commandId)
        assert.ok(kept !== undefined && statuses.has(kept.status))
        const events = await (reader as EventStore).loadEvents(person('ada'))
        const made = events.filter(({ metadata }) => metadata.commandId === command.commandId)
        assert.equal(made.length, kept.status === 'Accepted' ? 1 : 0)
      }
    })

    test('a repeat is recognised by a process that holds an older state', { timeout: 60_000 }, async () => {
      await using opened = await openStores(servers, 2)
      const [one, other] = opened.stores as [EventStore, EventStore]
      const command: CommandIdentity = { commandId: 'c', fingerprint: 1 }
      const events = [{ eventType: 'Noted', eventData: 1, metadata: { commandId: 'c' } }]
      await one.appendEvents(person('ada'), noted(5), { expectedVersion: 0 })
      await other.loadEvents(person('ada'))
      const first = await one.appendEvents(person('ada'), events, { expectedVersion: 5, command })
      for (const expectedVersion of [2, 5, 9, 'any'] as const) {
        const again = await other.appendEvents(person('ada'), events, { expectedVersion, command })
        assert.deepEqual(again, { ...first, isRepeat: true })
      }
      const rejected: CommandRecord = {
        ...command,
        commandId: 'r',
        status: 'Rejected',
        version: 6,
        position: 6,
        timestamp: '',
      }
      await one.recordCommand(person('ada'), rejected)
      const late = [{ ...events[0], eventType: 'Noted', eventData: 1, metadata: { commandId: 'r' } }]
      const options = { expectedVersion: 6, command: { commandId: 'r', fingerprint: 1 } }
      assert.deepEqual((await other.appendEvents(person('ada'), late, options)).events, [])
      assert.equal((await one.appendEvents(person('ada'), noted(1), { expectedVersion: 6 })).version, 7)
      assert.equal((await other.appendEvents(person('ada'), noted(1), { expectedVersion: 7 })).version, 8)
    })

    test('a load sees what any process was told is stored', { timeout: 60_000 }, async () => {
      await using opened = await openStores(servers, 3)
      const [writer, ...readers] = opened.stores as [EventStore, EventStore, EventStore]
      for (let version = 0; version < 60; version++) {
        await writer.appendEvents(person('ada'), noted(1), { expectedVersion: version })
        for (const reader of readers) {
          const fromVersion = version % 2 === 0 ? 1 : version
          const loaded = await reader.loadEvents(person('ada'), { fromVersion })
          assert.equal(loaded.at(-1)?.sequence, version + 1)
          const [portion] = await reader.loadEvents(person('ada'), { fromVersion: version + 1, limit: 5 })
          assert.equal(portion?.sequence, version + 1)
        }
      }
    })

    test('the server refuses a second message in a slot, and one that asks another slot is let through', async () => {
      await using opened = await openStores(servers, 1)
      const { own } = opened
      const prefix = `${own.subjectPrefix}.`
      const subjects = AggregateSubjects.of(prefix, person('ada')) as AggregateSubjects
      const connection = await connect({ servers: [servers].flat() })
      const publish = async (subject: string, filter: string): Promise<boolean> => {
        const more = headers()
        more.set('Nats-Expected-Last-Subject-Sequence', '0')
        more.set('Nats-Expected-Last-Subject-Sequence-Subject', filter)
        try {
          await jetstream(connection).publish(subject, '{}', { headers: more })
          return true
        } catch {
          return false
        }
      }
      assert.equal(await publish(subjects.event('Noted', 1), subjects.slot(1)), true)
      assert.equal(await publish(subjects.event('Renamed', 1), subjects.slot(1)), false)
      assert.equal(await publish(subjects.outcome('c', 1), subjects.slot(1)), false)
      assert.equal(await publish(subjects.event('Noted', 2), subjects.slot(2)), true)
      // This is why every filter comes from one builder: with a typo the server compares nothing.
      assert.equal(await publish(subjects.event('Renamed', 1), subjects.slot(1).replace('ada', 'adda')), true)
      await connection.close()
    })
  })
}

test('subjects tell apart what NATS would take for something else', () => {
  const difficult = ['a.b', 'a', '*', '>', 'a b', '%2E', '.', '~', "it's", '(!)', 'é', '😀', 'A']
  const slots = difficult.map((id) => AggregateSubjects.of('', person(id))?.slot(1) ?? '')
  assert.equal(new Set(slots).size, difficult.length)
  for (const slot of slots) assert.match(slot, /^\*\.Person\.\*\.[A-Za-z0-9%_-]+\.1$/)
  assert.equal(AggregateSubjects.of('', person('half \ud800')), undefined)
  assert.equal(AggregateSubjects.of('', { aggregateType: '', aggregateId: 'a' }), undefined)
})
