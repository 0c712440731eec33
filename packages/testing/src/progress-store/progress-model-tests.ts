/** Any steps and any changes from outside, against a model. */

import assert from 'node:assert/strict'
import {
  aggregateKey,
  type DeadLetterChange,
  type DeadLetterFilter,
  type DeadLetterSequence,
  type DiscardedDeadLetter,
  fitsFilter,
  type ProgressStore,
} from '@cim/core'
import fc from 'fast-check'
import { present } from '../conformance/assertions.ts'
import { checkProperty } from '../conformance/check-property.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { claim, deadLetter, startTime, step } from './sample-progress.ts'

const at = new Date(startTime).toISOString()
const aggregate = fc.record({
  aggregateType: fc.constantFrom('Person', 'Team'),
  aggregateId: fc.constantFrom('ada', 'bob', 'cy'),
})
const state = fc.constantFrom<DeadLetterSequence['state']>('parked', 'retrying')
const failureName = fc.constantFrom('TypeError', 'RangeError')
const put = fc.record({ kind: fc.constant('put' as const), aggregate, state, failureName, eventCount: fc.nat(4) })
const resolve = fc.record({ kind: fc.constant('resolve' as const), aggregate })
const filter: fc.Arbitrary<DeadLetterFilter> = fc.record(
  { aggregateType: fc.constant('Person'), aggregateId: fc.constantFrom('ada', 'bob'), state, failureName },
  { requiredKeys: [], noNullPrototype: true },
)
const action = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('save' as const),
      steps: fc.nat(3),
      changes: fc.uniqueArray(fc.oneof({ weight: 3, arbitrary: put }, { weight: 1, arbitrary: resolve }), {
        selector: (change) => aggregateKey(change.aggregate),
        maxLength: 4,
      }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('retry' as const), filter }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('discard' as const), filter, isFirstOnly: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('move' as const), position: fc.nat(9) }) },
)
type Action = typeof action extends fc.Arbitrary<infer TAction> ? TAction : never
type Change = Extract<Action, { readonly kind: 'save' }>['changes'][number]

/** What a processor should look like. */
interface Model {
  readonly name: string
  position: number
  replayUntil: number
  epoch: number
  revision: number
  /** A map keeps the place of what is set again, as the store does. */
  readonly held: Map<string, DeadLetterSequence>
  readonly discarded: DiscardedDeadLetter[]
}

/** @param tests registers tests with the adapter */
export function progressModelTests({ test }: StoreTests<ProgressStore>): void {
  test('after any steps and changes, everything that can be read is what the model says', async ({ store }) => {
    let runs = 0
    const actions = fc.array(action, { minLength: 1, maxLength: 12 })
    const property = fc.asyncProperty(actions, filter, fc.integer({ min: 1, max: 3 }), async (all, asked, limit) => {
      const model: Model = {
        name: `Model@${++runs}`,
        position: 0,
        replayUntil: 0,
        epoch: 1,
        revision: 0,
        held: new Map(),
        discarded: [],
      }
      await claim(store, model.name)
      for (const one of all) {
        await perform(store, model, one)
        await assertSame(store, model, asked, limit)
      }
    })
    await checkProperty(property, 80)
  })
}

async function perform(store: ProgressStore, model: Model, action: Action): Promise<void> {
  const { name, held } = model
  const claimed = { processorName: name, epoch: model.epoch }
  switch (action.kind) {
    case 'save': {
      const changes = action.changes.map((change) => toChange(change, name))
      const { position, revision } = model
      const moved = { expectedPosition: position, expectedRevision: revision, position: position + action.steps }
      await store.saveProgress(step(claimed, { ...moved, deadLetters: changes }))
      model.position += action.steps
      for (const change of changes) {
        if (change.kind === 'put') held.set(aggregateKey(change.sequence), change.sequence)
        else held.delete(aggregateKey(change.aggregate))
      }
      return
    }
    case 'retry': {
      const found = [...held].filter(([, sequence]) => fitsFilter(sequence, action.filter))
      assert.equal(await store.retryDeadLetters(name, action.filter, startTime), found.length)
      for (const [key, sequence] of found) held.set(key, { ...sequence, state: 'retrying', nextAttemptAt: at })
      if (found.length > 0) model.revision++
      return
    }
    case 'discard': {
      const isMeant = ({ attempts }: DeadLetterSequence) => !action.isFirstOnly || attempts > 0
      const found = [...held].filter(([, sequence]) => fitsFilter(sequence, action.filter) && isMeant(sequence))
      const options = { reason: 'any', isFirstOnly: action.isFirstOnly, now: startTime }
      assert.equal(await store.discardDeadLetters(name, action.filter, options), found.length)
      for (const [key, sequence] of found) discard(model, key, sequence, action.isFirstOnly)
      if (found.length > 0) model.revision++
      return
    }
    case 'move':
      await store.releaseClaim(claimed)
      await store.moveProgress(name, action.position, startTime)
      model.replayUntil = Math.max(model.replayUntil, model.position)
      model.position = action.position
      model.revision++
      held.clear()
      model.epoch = (await claim(store, name)).epoch
  }
}

function toChange(change: Change, name: string): DeadLetterChange {
  if (change.kind === 'resolve') return change
  const { aggregate: of, state: putState, failureName: named, eventCount } = change
  const toSequence = 3 + eventCount
  const toPosition = 30 + eventCount
  const failure = { ...deadLetter('any').failure, name: named }
  const nextAttemptAt = putState === 'parked' ? undefined : '2026-01-02T00:00:00.000Z'
  const differences = {
    ...of,
    state: putState,
    eventCount: eventCount + 1,
    toSequence,
    toPosition,
    failure,
    nextAttemptAt,
  }
  return { kind: 'put', sequence: deadLetter(of.aggregateId, differences, name) }
}

function discard(model: Model, key: string, sequence: DeadLetterSequence, isFirstOnly: boolean): void {
  const record = { reason: 'any', discardedBy: undefined, discardedAt: at }
  const { fromSequence, fromPosition, eventCount } = sequence
  if (!isFirstOnly || eventCount === 1) {
    model.discarded.unshift({ ...sequence, ...record })
    model.held.delete(key)
    return
  }
  const first = { toSequence: fromSequence, toPosition: fromPosition, eventCount: 1 }
  model.discarded.unshift({ ...sequence, ...first, ...record })
  model.held.set(key, {
    ...sequence,
    fromSequence: fromSequence + 1,
    fromPosition: fromPosition + 1,
    eventCount: eventCount - 1,
    attempts: 0,
    state: 'retrying',
    nextAttemptAt: at,
  })
}

async function assertSame(store: ProgressStore, model: Model, asked: DeadLetterFilter, limit: number): Promise<void> {
  const { name } = model
  const { position, replayUntil, epoch, revision } = present(await store.readProgress(name))
  assert.deepEqual(
    { position, replayUntil, epoch, revision },
    { position: model.position, replayUntil: model.replayUntil, epoch: model.epoch, revision: model.revision },
  )
  const held = [...model.held.values()]
  assert.deepEqual((await store.listDeadLetters(name)).sequences, held)
  const pages: DeadLetterSequence[] = []
  for (let after: string | undefined; ; ) {
    const from = after === undefined ? {} : { after }
    const page = await store.listDeadLetters(name, { filter: asked, limit, ...from })
    pages.push(...page.sequences)
    after = page.next
    if (after === undefined) break
    assert.equal(page.sequences.length, limit)
  }
  assert.deepEqual(
    pages,
    held.filter((sequence) => fitsFilter(sequence, asked)),
  )
  const parkedSequences = held.filter((sequence) => sequence.state === 'parked').length
  assert.deepEqual(await store.countDeadLetters(name), {
    retryingSequences: held.length - parkedSequences,
    parkedSequences,
    events: held.reduce((sum, { eventCount }) => sum + eventCount, 0),
  })
  assert.deepEqual(await store.listDiscarded(name, 1000), model.discarded)
}
