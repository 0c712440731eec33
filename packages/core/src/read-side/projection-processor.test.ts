import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { EventFailure } from '../event-processing/event-processor.ts'
import { manualClock, storedEvent } from '../event-processing/sample-processing.test.ts'
import { nothingSeen } from '../event-processing/seen-events.ts'
import type { DomainEvent } from '../event-store/domain-event.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import { settle, withHooks } from '../sample-account.test.ts'
import type { ProjectionDefinition } from './projection.ts'
import { ProjectionProcessor, type ProjectionProcessorOptions } from './projection-processor.ts'
import { balances } from './sample-balances.test.ts'
import type { ViewStore } from './view-store.ts'
import type { Views } from './views.ts'

type Applied = { readonly positions: readonly number[] }
type Handler = (event: DomainEvent, views: Views<Applied>) => void | Promise<void>

const add = (event: DomainEvent, views: Views<Applied>): void => {
  const apply = (view: Applied | undefined) => ({ positions: [...(view?.positions ?? []), event.position] })
  views.update(event.aggregateId, apply)
  views.update('all', apply)
}

/** A projection with this handler, over a store with these hooks. */
async function open(
  project: Handler,
  options: ProjectionProcessorOptions & { readonly hooks?: (memory: MemoryViewStore) => Partial<ViewStore> } = {},
) {
  const { hooks, ...rest } = options
  const memory = new MemoryViewStore()
  const indexes = { size: ({ positions }: Applied) => positions.length }
  const projection = { ...balances, viewName: 'Applied', indexes, project } as unknown as ProjectionDefinition<Applied>
  const viewStore = withHooks<ViewStore>(memory, hooks?.(memory) ?? {})
  const processor = new ProjectionProcessor(projection, viewStore, rest)
  await processor.getCheckpoint()
  const save = async (position: number) => {
    const { progressStore } = memory
    const claim = await progressStore.claimProcessor('Applied@1', { owner: 'o', now: 0, leaseMs: 1 })
    const progress = await progressStore.readProgress('Applied@1')
    assert.ok(claim !== undefined && progress !== undefined)
    const { position: expectedPosition, revision: expectedRevision } = progress
    const rest = { seen: nothingSeen, leaseUntil: 1, deadLetters: [] }
    await processor.saveCheckpoint({ claim, expectedPosition, expectedRevision, position, ...rest })
  }
  const views = async () =>
    Object.fromEntries((await memory.list(projection)).map(({ id, view }) => [id, (view as Applied).positions]))
  return { processor, memory, save, views }
}

/** Two events of each of four aggregates, in turn: 1 and 5 are a's, 2 and 6 b's, and so on. */
const events: readonly DomainEventEnvelope[] = Array.from({ length: 8 }, (_, index) =>
  storedEvent(index + 1, 'abcd'.charAt(index % 4), 1 + Math.floor(index / 4)),
)
const positionsOf = (failures: readonly EventFailure[]) => failures.map(({ event }) => event.position).sort()

describe('a batch in which events fail', () => {
  const ways: Record<string, (isWrong: boolean) => Handler> = {
    'throw at once': (isWrong) => (event, views) => {
      add(event, views)
      if (isWrong) throw new RangeError('wrong')
    },
    'throw later': (isWrong) => async (event, views) => {
      add(event, views)
      await views.get('all')
      await new Promise(setImmediate)
      if (isWrong) throw new RangeError('wrong')
    },
    'throw in a change': (isWrong) => (event, views) => {
      add(event, views)
      if (isWrong) views.update('all', () => assert.fail('wrong'))
    },
    'throw in a change that another looks at': (isWrong) => async (event, views) => {
      add(event, views)
      if (isWrong) views.update(event.aggregateId, () => assert.fail('wrong'))
      else await views.get('all').catch(() => assert.fail('mine'))
    },
  }
  for (const [way, handler] of Object.entries(ways)) {
    for (const concurrency of [1, 3]) {
      test(`has the effect of all others when they ${way}, ${concurrency} at once`, async () => {
        const { processor, save, views } = await open(
          (event, seen) => handler([2, 7, 8].includes(event.position))(event, seen),
          { concurrency },
        )
        const { failures, unsavedEffects } = await processor.process(events)
        assert.deepEqual(positionsOf(failures), [2, 7, 8])
        assert.equal(unsavedEffects, 4)
        await save(8)
        const { all, ...own } = await views()
        assert.deepEqual(own, { a: [1, 5], c: [3], d: [4] })
        assert.deepEqual([...(all ?? [])].sort(), [1, 3, 4, 5])
      })
    }
  }

  test('keeps the effects of the batches before it, saved or not', async () => {
    const { processor, save, views } = await open((event, views) => {
      add(event, views)
      assert.notEqual(event.position, 6)
    })
    for (const event of events) await processor.process([event])
    await save(8)
    assert.deepEqual(await views(), { a: [1, 5], all: [1, 2, 3, 4, 5, 7, 8], b: [2], c: [3, 7], d: [4, 8] })
  })

  for (const when of ['throw at once', 'throw in a change'] as const) {
    test(`is not repeated once for each of them when many ${when}`, async () => {
      const count = 200
      const many = Array.from({ length: count }, (_, index) => storedEvent(index + 1, `a-${index}`, 1))
      const isWrong = ({ position }: { readonly position: number }): boolean => position % 4 !== 0
      let calls = 0
      const { processor, save, views } = await open((event, seen) => {
        calls++
        return ways[when]?.(isWrong(event))(event, seen)
      })
      const { failures } = await processor.process(many)
      assert.deepEqual(
        failures.map(({ event }) => event.position),
        many.filter(isWrong).map(({ position }) => position),
      )
      assert.ok(calls <= 3 * count, `${calls} calls for ${count} events`)
      await save(count)
      assert.deepEqual(
        (await views()).all,
        many.filter((event) => !isWrong(event)).map(({ position }) => position),
      )
    })
  }

  test('blames the first event of an aggregate, and says what it threw', async () => {
    const { processor } = await open(() => assert.fail('everything is wrong'))
    const { failures, unsavedEffects } = await processor.process(events)
    assert.deepEqual([positionsOf(failures), unsavedEffects], [[1, 2, 3, 4], 0])
    for (const { error } of failures) assert.match(String(error), /everything is wrong/)
  })
})

test('a failure of the store is no event’s failure, whatever handlers make of it', async () => {
  let isAway = true
  const { processor, save, views } = await open(
    async (event, views) => {
      await views.get('all').catch(() => assert.fail('mine'))
      add(event, views)
    },
    {
      hooks: (memory) => ({
        getMany: async (...request) => (isAway ? assert.fail('the store is away') : memory.getMany(...request)),
      }),
    },
  )
  await assert.rejects(processor.process(events), /the store is away/)
  isAway = false
  await processor.getCheckpoint()
  assert.deepEqual((await processor.process(events)).failures, [])
  await save(8)
  assert.deepEqual((await views()).all, [1, 2, 3, 4, 5, 6, 7, 8])
})

test('an event that cannot be decoded fails alone', async () => {
  const { processor } = await open(add)
  const future = events.map((event) => (event.position === 3 ? { ...event, schemaVersion: 9 } : event))
  const { failures } = await processor.process(future)
  assert.deepEqual(positionsOf(failures), [3])
  assert.match(String(failures[0]?.error), /schema version 9/)
})

test('a document that no store can keep is blamed on its event, once a save has failed', async () => {
  for (const wrong of [{ positions: [Number.NaN] }, { positions: [1], at: new Date() }]) {
    const { processor, save, views } = await open((event, views) => {
      if (event.position === 7) views.update(event.aggregateId, () => wrong as unknown as Applied)
      else add(event, views)
    })
    assert.deepEqual((await processor.process(events)).failures, [])
    await assert.rejects(save(8))
    await processor.getCheckpoint()
    assert.deepEqual(positionsOf((await processor.process(events)).failures), [7])
    await save(8)
    assert.deepEqual((await views()).all, [1, 2, 3, 4, 5, 6, 8])
  }
})

describe('handlers that take time', () => {
  test('run side by side for different aggregates, and in order for one', async () => {
    let running = 0
    let most = 0
    const { processor, save, views } = await open(
      async (event, views) => {
        most = Math.max(most, ++running)
        for (let turn = 0; turn < 9 - event.position; turn++) await new Promise(setImmediate)
        running--
        add(event, views)
      },
      { concurrency: 4 },
    )
    await processor.process(events)
    await save(8)
    const { all, ...own } = await views()
    assert.deepEqual([most, own], [4, { a: [1, 5], b: [2, 6], c: [3, 7], d: [4, 8] }])
  })

  test('are given up after a while, and what they do later has no effect', async () => {
    const clock = manualClock()
    const hanging = Promise.withResolvers<void>()
    let isLateRefused = false
    const { processor, save, views } = await open(
      async (event, views) => {
        add(event, views)
        if (event.position !== 3) return
        await hanging.promise
        try {
          views.delete('all')
        } catch {
          isLateRefused = true
        }
      },
      { clock, handlerTimeoutMs: 500 },
    )
    const processing = processor.process(events)
    await clock.pass(500)
    const { failures } = await processing
    assert.deepEqual(positionsOf(failures), [3])
    assert.match(String(failures[0]?.error), /HandlerTimeoutError/)
    hanging.resolve()
    await settle()
    await save(8)
    assert.deepEqual([isLateRefused, (await views()).all], [true, [1, 2, 4, 5, 6, 8]])
  })
})
