import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CommandRecord } from '@cim/core'
import type { StoredEvent } from '../messages/event-message.ts'
import { AggregateSubjects } from '../messages/event-subject.ts'
import { AggregateHead } from './aggregate-head.ts'
import { AggregateHeads } from './aggregate-heads.ts'

const subjects = AggregateSubjects.of('', { aggregateType: 'Person', aggregateId: 'ada' }) as AggregateSubjects

function stored(sequence: number, commandId?: string): StoredEvent {
  const metadata = commandId === undefined ? {} : { commandId }
  const place = {
    eventId: `e-${sequence}`,
    aggregateType: 'Person',
    aggregateId: 'ada',
    sequence,
    position: sequence * 2,
  }
  const envelope = { ...place, eventType: 'Noted', schemaVersion: 1, eventData: 1, metadata, timestamp: 't' }
  return { envelope, fingerprint: commandId === undefined ? undefined : 7 }
}

function outcome(commandId: string): CommandRecord {
  return { commandId, fingerprint: 1, status: 'Rejected', version: 0, position: 0, timestamp: 't' }
}

describe('a head', () => {
  test('takes each event once, in order, whoever tells of it', () => {
    const head = new AggregateHead(subjects, true)
    head.takeOwnEvents([stored(1), stored(2, 'c')])
    assert.deepEqual([head.version, head.hasOutcomes], [2, true])
    head.takeEvents([stored(1), stored(2, 'other'), stored(3)])
    assert.deepEqual([head.version, head.findCommand('other')], [3, undefined])
    assert.equal(head.hasOutcomes, false, 'others may have recorded outcomes in between')
    head.takeEvents([stored(5)])
    assert.equal(head.version, 3, 'nothing is taken behind a gap')
  })

  test('knows which events a command made, and not those that only name it', () => {
    const head = new AggregateHead(subjects, true)
    const named = { ...stored(3, 'c'), fingerprint: undefined }
    head.takeEvents([stored(1, 'c'), stored(2, 'c'), named])
    const known = head.findCommand('c')
    assert.deepEqual([known?.firstVersion, known?.record.version, known?.record.position], [1, 2, 4])
  })

  test('asks for the newest outcome of the next version, and forgets it with the next event', () => {
    const head = new AggregateHead(subjects, true)
    head.takeOutcomes([{ record: outcome('a'), sequence: 5, slot: 1 }], true)
    head.takeOwnOutcome(outcome('b'), 'outcomes.Person.b.ada.1', 8, 1)
    assert.deepEqual([head.guard, head.proof], [8, 'outcomes.Person.b.ada.1'])
    head.takeOutcomes([{ record: outcome('old'), sequence: 3, slot: 1 }], true)
    assert.equal(head.guard, 8)
    head.takeOwnEvents([stored(1)])
    assert.deepEqual([head.guard, head.proof], [0, 'events.Person.Noted.ada.1'])
  })

  test('asks for no outcome of a version that has come meanwhile', () => {
    const head = new AggregateHead(subjects, true)
    head.takeEvents([stored(1)])
    head.takeOwnOutcome(outcome('b'), 'outcomes.Person.b.ada.1', 1, 1)
    head.takeGuard('outcomes.Person.c.ada.1', 1, 1)
    assert.deepEqual([head.guard, head.proof], [0, 'events.Person.Noted.ada.1'])
    assert.equal(head.findCommand('b')?.record.status, 'Rejected')
  })

  test('lets the events of a command win over an outcome', () => {
    const head = new AggregateHead(subjects, true)
    head.takeEvents([stored(1, 'c')])
    head.takeOutcomes([{ record: outcome('c'), sequence: 1, slot: 1 }], true)
    assert.equal(head.findCommand('c')?.record.status, 'Accepted')
  })

  test('that knows the version alone asks for the rest', () => {
    const head = new AggregateHead(subjects, false)
    head.skipTo(9)
    assert.deepEqual([head.version, head.hasCommands, head.hasOutcomes], [9, false, false])
    assert.equal(head.proof, 'events.Person.*.ada.9')
    head.skipTo(4)
    assert.equal(head.version, 9)
  })
})

describe('the heads in memory', () => {
  const headAt = (version: number): AggregateHead => {
    const head = new AggregateHead(subjects, true)
    head.takeEvents(Array.from({ length: version }, (_, index) => stored(index + 1, `c-${index}`)))
    return head
  }

  test('give up what was not used for the longest time, by the commands that they hold', () => {
    const heads = new AggregateHeads(10)
    heads.keep('a', headAt(3))
    heads.keep('b', headAt(3))
    assert.equal(heads.get('a')?.version, 3)
    heads.keep('c', headAt(3))
    assert.deepEqual([heads.get('a')?.version, heads.get('b'), heads.get('c')?.version], [3, undefined, 3])
    heads.keep('big', headAt(50))
    assert.deepEqual([heads.get('a'), heads.get('c'), heads.get('big')], [undefined, undefined, undefined])
  })

  test('stay within their bound however they are used, and keep those that are used again and again', () => {
    const heads = new AggregateHeads(100)
    const often = headAt(1)
    heads.keep('often', often)
    for (let number = 0; number < 1000; number++) {
      heads.keep(`${number}`, headAt(1))
      if (number % 10 === 0) assert.equal(heads.get('often'), often)
    }
    const left = Array.from({ length: 1000 }, (_, number) => `${number}`).filter((key) => heads.get(key) !== undefined)
    assert.deepEqual([left.length, left.at(-1)], [49, '999'])
  })

  test('count what grows', () => {
    const heads = new AggregateHeads(6)
    const growing = headAt(1)
    heads.keep('growing', growing)
    heads.keep('other', headAt(1))
    growing.takeEvents([stored(2, 'x'), stored(3, 'y'), stored(4, 'z')])
    heads.keep('growing', growing)
    assert.deepEqual([heads.get('other'), heads.get('growing')?.version], [undefined, 4])
  })

  test('are never replaced by older ones', () => {
    const heads = new AggregateHeads(100)
    heads.keep('a', headAt(5))
    heads.keep('a', headAt(3))
    assert.equal(heads.get('a')?.version, 5)
    heads.keep('a', headAt(6))
    assert.equal(heads.get('a')?.version, 6)
  })
})
