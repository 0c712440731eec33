/** The same command again: guarantee 4, by command id. */

import assert from 'node:assert/strict'
import type { AggregateRef, AppendResult, CommandIdentity, CommandRecord, EventStore, NewEvent } from '@cim/core'
import { rejectsWithCode } from '../conformance/assertions.ts'
import { difficultIds } from '../conformance/difficult-strings.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { noted, person, repeated, visibleState } from './sample-events.ts'

/** Fingerprints are up to the largest safe integer. */
const hire: CommandIdentity = { commandId: 'hire-1', fingerprint: Number.MAX_SAFE_INTEGER }

const rejection: CommandRecord = {
  ...hire,
  status: 'Rejected',
  version: 2,
  position: 2,
  timestamp: '2026-01-01T00:00:00.000Z',
  reason: { code: 'person-exists', message: 'Person already created: "😀" \ud800' },
}

/** @param tests registers tests with the adapter */
export function commandTests({ test, durableTest }: StoreTests<EventStore>): void {
  test('a command that appended events is found, as accepted', async ({ store }) => {
    assert.equal(await store.findCommand(person('ada'), hire.commandId), undefined)
    await store.appendEvents(person('ada'), noted(1), { expectedVersion: 0 })
    const { version, position, timestamp } = await appendBy(store, person('ada'), hire, noted(2), 1)
    const expected: CommandRecord = { ...hire, status: 'Accepted', version, position, timestamp }
    assert.deepEqual(await store.findCommand(person('ada'), hire.commandId), expected)
    assert.equal(await store.findCommand(person('ada'), 'hire-2'), undefined)
  })

  test('a repeated command returns its first result whatever else has changed', async ({ store, clock }) => {
    const first = await appendBy(store, person('ada'), hire, noted(3), 0)
    assert.equal(first.isRepeat, false)
    for (let version = 3; version < 10; version++) {
      clock.advance(1000)
      await store.appendEvents(person('ada'), noted(1), { expectedVersion: version })
    }
    const before = await visibleState(store, [person('ada')])
    assert.deepEqual(await appendBy(store, person('ada'), hire, noted(3), 0), repeated(first))
    assert.deepEqual(await appendBy(store, person('ada'), hire, noted(1, 50), 10), repeated(first))
    assert.deepEqual(await appendBy(store, person('ada'), hire, noted(1, 50), 99), repeated(first))
    assert.deepEqual(await appendBy(store, person('ada'), hire, noted(1, 50), 'any'), repeated(first))
    assert.deepEqual(await visibleState(store, [person('ada')]), before)
  })

  test('the same command id with another fingerprint is an error', async ({ store }) => {
    await appendBy(store, person('ada'), hire, noted(1), 0)
    const before = await visibleState(store, [person('ada')])
    const other = { ...hire, fingerprint: 8 }
    await rejectsWithCode(appendBy(store, person('ada'), other, noted(1), 1), 'command-id-reused', {
      commandId: hire.commandId,
    })
    await rejectsWithCode(store.recordCommand(person('ada'), { ...rejection, fingerprint: 8 }), 'command-id-reused')
    assert.deepEqual(await visibleState(store, [person('ada')]), before)
  })

  test('the same command id in another aggregate is another command', async ({ store }) => {
    await appendBy(store, person('ada'), hire, noted(1), 0)
    const team: AggregateRef = { aggregateType: 'Team', aggregateId: 'ada' }
    assert.equal(await store.findCommand(person('bob'), hire.commandId), undefined)
    assert.equal(await store.findCommand(team, hire.commandId), undefined)
    const other = { ...hire, fingerprint: 8 }
    for (const aggregate of [person('bob'), team]) {
      assert.equal((await appendBy(store, aggregate, other, noted(1), 0)).isRepeat, false)
    }
    assert.equal((await store.findCommand(person('ada'), hire.commandId))?.fingerprint, hire.fingerprint)
  })

  test('the same command sent many times at once is done once, and all get the same result', async ({ store }) => {
    const appends = Array.from({ length: 20 }, (_, index) => appendBy(store, person('ada'), hire, noted(2, index), 0))
    const results = await Promise.all(appends)
    const first = results.find(({ isRepeat }) => !isRepeat) ?? assert.fail('one of them is the first')
    assert.equal(results.filter(({ isRepeat }) => !isRepeat).length, 1)
    for (const result of results) if (result !== first) assert.deepEqual(result, repeated(first))
    assert.deepEqual(await store.loadEvents(person('ada')), first.events)
  })

  test('a command whose append failed was not seen', async ({ store }) => {
    await rejectsWithCode(appendBy(store, person('ada'), hire, noted(1), 5), 'concurrency')
    assert.equal(await store.findCommand(person('ada'), hire.commandId), undefined)
    assert.equal((await appendBy(store, person('ada'), hire, noted(1), 0)).isRepeat, false)
  })

  test('the id of a command must stand in the metadata of each of its events', async ({ store }) => {
    const marked = { eventType: 'Noted', eventData: 1, metadata: { commandId: hire.commandId } }
    for (const other of [...noted(1), { ...marked, metadata: { commandId: 'hire-2' } }]) {
      const append = store.appendEvents(person('ada'), [marked, other], { expectedVersion: 0, command: hire })
      await rejectsWithCode(append, 'validation')
    }
    assert.equal(await store.findCommand(person('ada'), hire.commandId), undefined)
    assert.equal(await store.headPosition(), 0)
  })

  test('a fingerprint is a safe integer', async ({ store }) => {
    for (const fingerprint of [1.5, Number.NaN, 2 ** 53]) {
      const other = { ...hire, fingerprint }
      await rejectsWithCode(appendBy(store, person('ada'), other, noted(1), 0), 'invalid-option')
      await rejectsWithCode(store.recordCommand(person('ada'), { ...rejection, fingerprint }), 'invalid-option')
    }
    for (const fingerprint of [0, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]) {
      const record = { ...rejection, commandId: `c${fingerprint}`, fingerprint }
      assert.deepEqual(await store.recordCommand(person('ada'), record), record)
      assert.deepEqual(await store.findCommand(person('ada'), record.commandId), record)
    }
  })

  test('a rejection is remembered with its reason, and creates no aggregate', async ({ store }) => {
    assert.deepEqual(await store.recordCommand(person('ada'), rejection), rejection)
    assert.deepEqual(await store.findCommand(person('ada'), hire.commandId), rejection)
    assert.deepEqual(await store.loadEvents(person('ada')), [])
    assert.equal(await store.headPosition(), 0)
    assert.equal((await store.appendEvents(person('ada'), noted(1), { expectedVersion: 0 })).version, 1)
  })

  test('of two outcomes of one command, the first one stays', async ({ store }) => {
    await store.recordCommand(person('ada'), rejection)
    const { reason: _, ...accepted }: CommandRecord = { ...rejection, status: 'Accepted', version: 3 }
    assert.deepEqual(await store.recordCommand(person('ada'), accepted), rejection)
    const { version, position, timestamp } = rejection
    const unchanged: AppendResult = { events: [], version, position, timestamp, isRepeat: true }
    assert.deepEqual(await appendBy(store, person('ada'), hire, noted(1), 0), unchanged)
    assert.deepEqual(await store.findCommand(person('ada'), hire.commandId), rejection)

    const first = await appendBy(store, person('bob'), hire, noted(1), 0)
    const kept = await store.recordCommand(person('bob'), rejection)
    assert.deepEqual([kept.status, kept.version, kept.position], ['Accepted', first.version, first.position])
  })

  test('outcomes recorded at once all give the first', async ({ store }) => {
    const records = Array.from({ length: 20 }, (_, version) =>
      store.recordCommand(person('ada'), { ...rejection, version }),
    )
    const kept = await Promise.all(records)
    for (const record of kept) assert.deepEqual(record, kept[0])
    assert.deepEqual(await store.findCommand(person('ada'), hire.commandId), kept[0])
  })

  test('every acceptable string can be a command id, and all are told apart', async ({ store }) => {
    for (const [index, commandId] of difficultIds.entries()) {
      const record = await store.recordCommand(person('ada'), { ...rejection, commandId, fingerprint: index })
      assert.deepEqual(record, { ...rejection, commandId, fingerprint: index })
      await appendBy(store, person('bob'), { commandId, fingerprint: index }, noted(1), index)
    }
    for (const [fingerprint, commandId] of difficultIds.entries()) {
      assert.equal((await store.findCommand(person('ada'), commandId))?.fingerprint, fingerprint)
      assert.equal((await store.findCommand(person('bob'), commandId))?.version, fingerprint + 1)
    }
  })

  durableTest('commands are recognised after a restart', async ({ store, restart }) => {
    const first = await appendBy(store, person('ada'), hire, noted(1000), 0)
    await store.recordCommand(person('bob'), rejection)
    const reopened = await restart()
    assert.deepEqual(await reopened.findCommand(person('bob'), hire.commandId), rejection)
    assert.deepEqual(await appendBy(reopened, person('ada'), hire, noted(1000), 0), repeated(first))
    const other = { ...hire, fingerprint: 8 }
    await rejectsWithCode(appendBy(reopened, person('ada'), other, noted(1), 1000), 'command-id-reused')
  })
}

function appendBy(
  store: EventStore,
  aggregate: AggregateRef,
  command: CommandIdentity,
  events: readonly NewEvent[],
  expectedVersion: number | 'any',
): Promise<AppendResult> {
  const marked = events.map((event) => ({ ...event, metadata: { commandId: command.commandId } }))
  return store.appendEvents(aggregate, marked, { expectedVersion, command })
}
