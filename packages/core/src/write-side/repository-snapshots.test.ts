/** Snapshots save time and change nothing else. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AggregateRef } from '../event-store/aggregate-ref.ts'
import type { EventStore } from '../event-store/event-store.ts'
import type { Snapshot, SnapshotStore } from '../event-store/snapshot.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemorySnapshotStore } from '../memory/memory-snapshot-store.ts'
import {
  type AccountState,
  type Amount,
  a1,
  account,
  appendDeposits,
  settle,
  shape,
  withHooks,
} from '../sample-account.test.ts'
import { type AggregateDefinition, defineAggregate } from './aggregate.ts'
import { event } from './decision.ts'
import { Repository, type RepositoryOptions } from './repository.ts'

const reference: AggregateRef = { aggregateType: 'Account', aggregateId: a1 }
const deposited = (count: number) => Array.from({ length: count }, () => event('Deposited', { amount: 1 }))

type Options = Partial<RepositoryOptions<AccountState>>

function open(options: Options = {}) {
  const eventStore = options.eventStore ?? new MemoryEventStore()
  const memory = new MemorySnapshotStore()
  const saved: number[] = []
  const snapshotStore = withHooks<SnapshotStore>(options.snapshotStore ?? memory, {
    saveSnapshot: (aggregate, snapshot) => {
      saved.push(snapshot.version)
      return (options.snapshotStore ?? memory).saveSnapshot(aggregate, snapshot)
    },
  })
  const definition: AggregateDefinition<string, AccountState> = account
  const repository = new Repository<AccountState>({
    definition,
    snapshotEvery: 10,
    ...options,
    eventStore,
    snapshotStore,
  })
  return { eventStore, memory, repository, saved }
}

/** Saves so many events at a time. */
async function grow(repository: Repository<AccountState>, ...counts: readonly number[]): Promise<void> {
  for (const count of counts) await repository.save(await repository.load(a1), deposited(count))
}

/** A definition of the same aggregate in which something has changed. */
function changed(change: { readonly weight?: number; readonly stateVersion?: number; readonly lift?: boolean }) {
  const weight = change.weight ?? 1
  const apply = weight === 1 ? account.apply : (state: AccountState) => ({ ...state, balance: state.balance + 2 })
  const Deposited = (state: AccountState) => apply(state, { eventType: 'Deposited', data: { amount: 1 } } as never)
  return defineAggregate('Account', {
    events: { Deposited: shape<Amount>({ amount: 'number' }) },
    commands: {},
    initialState: account.initialState,
    decide: {},
    apply: { Deposited: weight === 1 ? Deposited : (state) => ({ ...state, balance: state.balance + 2 }) },
    ...(change.stateVersion === undefined ? undefined : { stateVersion: change.stateVersion }),
    ...(change.lift === true ? { upcasters: { Deposited: [(data: unknown) => data] } } : undefined),
  })
}

describe('snapshots', () => {
  test('are kept each time the version passes a multiple of the distance', async () => {
    const { repository, saved } = open()
    await grow(repository, 9, 1, 1, 8, 1, 25, 4, 1)
    assert.deepEqual(saved, [10, 20, 45, 50])
  })

  test('are kept after a load that had to fold as many events as lie between two', async () => {
    const { eventStore } = open()
    await appendDeposits(eventStore, a1, ...Array<number>(25).fill(1))
    const { repository, saved } = open({ eventStore })
    await repository.load(a1)
    await repository.load(a1, { refresh: true })
    assert.deepEqual(saved, [25])
  })

  test('are loaded together with the events after them', async () => {
    const { repository, eventStore, memory } = open()
    await grow(repository, 10, 3)
    const froms: (number | undefined)[] = []
    const hooked = withHooks<EventStore>(eventStore, {
      loadEvents: (aggregate, options) => {
        froms.push(options?.fromVersion)
        return eventStore.loadEvents(aggregate, options)
      },
    })
    const { repository: other } = open({ eventStore: hooked, snapshotStore: memory })
    const { state, version, position, isVerified } = await other.load(a1)
    assert.deepEqual(
      { balance: state.balance, version, position, isVerified, froms },
      { balance: 13, version: 13, position: 13, isVerified: true, froms: [11, 14] },
    )
    assert.deepEqual(await repository.load(a1, { refresh: true }), await other.load(a1, { refresh: true }))
  })

  test('stand for an aggregate that has no events after them', async () => {
    const { repository, eventStore, memory } = open()
    await grow(repository, 10)
    const { repository: other } = open({ eventStore, snapshotStore: memory })
    assert.deepEqual(await other.load(a1), await repository.load(a1, { refresh: true }))
  })

  test('of a definition that has changed are never read', async () => {
    const { repository, eventStore, memory } = open()
    await grow(repository, 10)
    // A trap: were it read, the balance would be wrong.
    const kept = (await memory.loadSnapshot(reference, account.fingerprint)) ?? assert.fail('a snapshot was kept')
    const trap = { ...kept, state: { owner: 'trap', balance: -1 } }
    for (const [definition, balance] of [
      [changed({ weight: 2 }), 20],
      [changed({}), 10],
      [changed({ stateVersion: 2 }), 10],
      [changed({ lift: true }), 10],
    ] as const) {
      assert.notEqual(definition.fingerprint, account.fingerprint)
      await memory.saveSnapshot(reference, trap)
      const { repository: other } = open({ eventStore, snapshotStore: memory, definition })
      assert.equal((await other.load(a1)).state.balance, balance)
    }
    await memory.saveSnapshot(reference, trap)
    const { repository: same } = open({ eventStore, snapshotStore: memory })
    assert.equal((await same.load(a1)).state.owner, 'trap')
  })

  test('that cannot be kept do not fail the save', async () => {
    const failures: readonly SnapshotStore['saveSnapshot'][] = [
      async () => assert.fail('broken'),
      () => assert.fail('broken at once'),
    ]
    for (const saveSnapshot of failures) {
      const errors: unknown[] = []
      const snapshotStore = withHooks<SnapshotStore>(new MemorySnapshotStore(), { saveSnapshot })
      const { repository, saved } = open({ snapshotStore, onSnapshotError: (error) => errors.push(error) })
      await grow(repository, 10, 10)
      await settle()
      assert.deepEqual([saved, errors.length], [[10, 20], 2])
      assert.equal((await repository.load(a1, { refresh: true })).version, 20)
    }
  })

  test('that cannot be read do not fail the load', async () => {
    const errors: unknown[] = []
    const snapshotStore = withHooks<SnapshotStore>(new MemorySnapshotStore(), {
      loadSnapshot: async () => assert.fail('broken'),
    })
    const { repository, eventStore } = open({ snapshotStore, onSnapshotError: (error) => errors.push(error) })
    await appendDeposits(eventStore, a1, 1, 2, 3)
    const { state, version } = await repository.load(a1)
    assert.deepEqual({ balance: state.balance, version, errors: errors.length }, { balance: 6, version: 3, errors: 1 })
  })

  test('of a state that is not plain JSON are not kept, and nothing else fails', async () => {
    for (const state of [new Map([['x', 1]]), { at: new Date(0) }, 5n, undefined]) {
      const errors: unknown[] = []
      const odd = defineAggregate('Odd', {
        events: { Deposited: shape<Amount>({ amount: 'number' }) },
        commands: {},
        initialState: state,
        decide: {},
        apply: { Deposited: () => state },
      })
      const options = {
        definition: odd as AggregateDefinition<string, unknown>,
        eventStore: new MemoryEventStore(),
        snapshotStore: new MemorySnapshotStore(),
        snapshotEvery: 1,
        onSnapshotError: (error: unknown) => errors.push(error),
      }
      const repository = new Repository<unknown>(options)
      const { version } = await repository.save(await repository.load(a1), deposited(1))
      assert.equal(version, 1)
      await settle()
      const { state: loaded } = await new Repository<unknown>(options).load(a1)
      assert.deepEqual(loaded, state)
      assert.ok(errors.length > 0 || state === undefined)
    }
  })

  test('are not waited for', async () => {
    const never = Promise.withResolvers<void>()
    const snapshotStore: SnapshotStore = {
      loadSnapshot: async () => undefined,
      saveSnapshot: (_: AggregateRef, __: Snapshot) => never.promise,
    }
    const { repository } = open({ snapshotStore })
    await grow(repository, 10, 10)
    never.resolve()
  })
})
