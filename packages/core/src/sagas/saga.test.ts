import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Application } from '../application/application.ts'
import type { DomainEvent } from '../event-store/domain-event.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import { type AggregateDefinition, defineAggregate } from '../write-side/aggregate.ts'
import { defineSaga, type SagaAddress, type SagaDefinition } from './saga.ts'
import { deadline, step } from './saga-outcome.ts'
import { order, plan } from './sample-script.test.ts'

const least = {
  from: [plan],
  initialState: {},
  startedBy: { Begun: ({ aggregateId }: { readonly aggregateId: string }) => aggregateId },
  on: { Begun: () => undefined },
}
const context = { now: '2026-01-01T00:00:00.000Z', sagaId: 's' }

function begun(aggregateId = 'p-1'): DomainEvent {
  const place = { aggregateType: 'Plan', aggregateId, sequence: 1, position: 1 }
  return { ...place, eventType: 'Begun', eventId: 'e', data: {}, metadata: {}, timestamp: context.now } as DomainEvent
}

describe('the definition of a saga', () => {
  test('says which events it handles, where it begins, and what upcasts them', () => {
    const saga = defineSaga('Least', least)
    assert.deepEqual(saga.subjectPatterns, ['events.Plan.Begun'])
    assert.equal(saga.startAt, 'now')
    assert.equal(saga.upcasters.get('Plan'), plan.upcasters)
    assert.equal(saga.startedBy(begun()), 'p-1')
    assert.deepEqual(saga.concernedBy(begun()), { ids: ['p-1'], keys: [] })
  })

  test('handles an event of the same name from each of its sources', () => {
    const other = defineAggregate('Other', {
      events: { Begun: plan.events.Begun },
      commands: {},
      initialState: {},
      decide: {},
      apply: { Begun: (state) => state },
    })
    const saga = defineSaga('Both', { ...least, from: [plan, other] })
    assert.deepEqual(saga.subjectPatterns, ['events.Plan.Begun', 'events.Other.Begun'])
  })

  test('names each instance that an event concerns once, by id and by key', () => {
    const address: SagaAddress = ['a', { key: 'k' }, 'p-1', { key: 'k' }, { key: 'a' }]
    const saga = defineSaga('Named', { ...least, concerns: { Begun: () => address } })
    assert.deepEqual(saga.concernedBy(begun()), { ids: ['p-1', 'a'], keys: ['k', 'a'] })
  })

  test('handles what is named like a property of every object', () => {
    const saga = defineSaga('Plain', least)
    assert.equal(saga.hasDeadline('constructor'), false)
    assert.deepEqual(saga.compensate('toString', {}, { ...context, reason: { code: 'c', message: 'm' } }), [])
    const refused = { command: { ...order('x'), commandType: 'valueOf' }, reason: { code: 'c', message: 'm' } }
    assert.deepEqual(saga.onRejected({}, refused, context), { failed: refused.reason })
  })

  test('may compensate a step with one command, several, or none', () => {
    const saga = defineSaga('Undoing', {
      ...least,
      compensate: { one: () => order('1'), two: () => [order('1'), order('2')], none: () => [] },
    })
    const counts = ['one', 'two', 'none', 'unnamed'].map(
      (name) => saga.compensate(name, {}, { ...context, reason: { code: 'c', message: 'm' } }).length,
    )
    assert.deepEqual(counts, [1, 2, 0, 0])
  })

  test('keeps a copy of its first state, frozen', () => {
    const initialState = { notes: ['a'] }
    const saga = defineSaga('Frozen', { ...least, initialState })
    initialState.notes.push('b')
    assert.deepEqual(saga.initialState, { notes: ['a'] })
    assert.ok(Object.isFrozen(saga.initialState.notes))
  })

  test('has helpers that write steps and deadlines', () => {
    assert.deepEqual(step('A', order('a')), { step: 'A', command: order('a') })
    assert.deepEqual(deadline('D', { afterMs: 5 }), { name: 'D', afterMs: 5 })
    assert.deepEqual(deadline('D', { dueAt: '2026-01-01' }, 0), { name: 'D', dueAt: '2026-01-01', data: 0 })
  })
})

describe('a mistake in the definition of a saga', () => {
  const mistakes: readonly (readonly [name: string, options: object, message: RegExp])[] = [
    ['Has Space', least, /the name must be a letter, then letters, digits, '_' or '-'/],
    ['Plan', least, /an aggregate has the same name. Rename one of them/],
    ['Empty', { ...least, startedBy: {} }, /'startedBy' must name at least one event/],
    ['Deaf', { ...least, on: {} }, /'on' lacks a handler for Begun/],
    ['Lost', { ...least, on: { Begun: () => undefined, Noted: () => undefined } }, /'on' handles Noted, but neither/],
    ['Odd', { ...least, concerns: { Noted: () => 'a' } }, /'on' lacks a handler for Noted/],
    ['Wrong', { ...least, startedBy: { Sung: () => 'a' }, on: { Sung: () => undefined } }, /no source defines .* Sung/],
    ['Idle', { ...least, on: { Begun: 'later' } }, /'on' must have a function for Begun, got string/],
    ['Idle', { ...least, onDeadline: { D: 5 } }, /'onDeadline' must have a function for D, got number/],
    ['Idle', { ...least, onRejected: { Do: {} } }, /'onRejected' must have a function for Do, got object/],
    ['Idle', { ...least, concerns: { Begun: 'a' } }, /'concerns' must have a function for Begun/],
    ['Keyless', { ...least, keys: ['a'] }, /'keys' must be a function/],
    ['Undone', { ...least, compensate: { A: 'undo' } }, /'compensate' must have for A a function, or \{ commands/],
    ['Undone', { ...least, compensate: { A: { commands: () => [] } } }, /unlessRejectedWith: \[codes\]/],
    ['Undone', { ...least, compensate: { A: { commands: () => [], unlessRejectedWith: [], x: 1 } } }, /x/],
    ['Timed', { ...least, initialState: { at: new Date(0) } }, /'initialState' must be plain JSON: .* \/at/],
    ['Stateless', { ...least, initialState: undefined }, /'initialState' must be plain JSON/],
    ['Misspelt', { ...least, onDeadlines: {} }, /onDeadlines.* is unknown. Known: from, startAt/],
  ]
  for (const [name, options, message] of mistakes) {
    test(`is told: ${message.source}`, () => {
      assert.throws(() => defineSaga(name, options as typeof least), { message })
    })
  }

  test('is told when an event comes, if only the event shows it', () => {
    const saying = (started: unknown, concerned: unknown) =>
      defineSaga('Saying', {
        ...least,
        startedBy: { Begun: () => started as string },
        concerns: { Begun: () => concerned as SagaAddress },
      }).concernedBy(begun())
    for (const id of ['', 5, {}, 'x'.repeat(201), 'a\nb']) {
      assert.throws(() => saying(id, undefined), /'startedBy' of Begun gave something that is no identifier: it must/)
      assert.throws(() => saying('a', [id]), /'concerns' of Begun gave something that is no identifier/)
      assert.throws(() => saying('a', { key: id }), /'concerns' of Begun gave something that is no identifier/)
    }
    assert.deepEqual(saying(null, null), { ids: [], keys: [] })
  })

  test('is told when its name is that of an aggregate from which it takes no events', () => {
    const sagas = [defineSaga('Account', least) as SagaDefinition]
    const account = defineAggregate('Account', { events: {}, commands: {}, initialState: {}, decide: {}, apply: {} })
    const aggregates = [plan, account] as unknown as AggregateDefinition[]
    const stores = { eventStore: new MemoryEventStore(), viewStore: new MemoryViewStore() }
    assert.throws(() => new Application({ ...stores, aggregates, sagas }), /Aggregate Account is given twice/)
  })
})
