/** The clock of a running application jumps by hours, back and forward, all the while. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  Application,
  defineAggregate,
  defineProjection,
  event,
  type ProjectionDefinition,
  systemClock,
  waitForPosition,
} from '@cim/core'
import { SqliteEventStore } from './sqlite-event-store.ts'
import { SqliteViewStore } from './sqlite-view-store.ts'
import { anything } from './test-support/inline-balances.ts'
import { allEvents } from './test-support/sample-events.ts'
import { seededRandom } from './test-support/seeded-random.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

type Note = { readonly number: number }
type Noted = { readonly positions: readonly number[] }

const jumps = Number(process.env.CIM_JUMPS ?? 30)
const seed = Number(process.env.CIM_SEED ?? Date.now() % 1_000_000_000)
const hourMs = 3_600_000

const notebook = defineAggregate('Notebook', {
  events: { Written: anything<Note>() },
  commands: { Write: anything<Note>() },
  initialState: {},
  decide: { Write: (_, { data }) => [event('Written', data)] },
  apply: { Written: (state) => state },
})

test(`${jumps} jumps of the clock by up to nine hours lose, double and delay nothing`, async (context) => {
  context.diagnostic(`CIM_SEED=${seed} repeats these jumps`)
  const random = seededRandom(seed)
  const time = { ahead: 0 }
  const now = (): number => Date.now() + time.ahead
  const folder = temporaryFolder(context)
  await using eventStore = new SqliteEventStore({ path: join(folder, 'events.db'), now })
  await using viewStore = new SqliteViewStore({ path: join(folder, 'views.db') })
  // Every seventh event fails at first.
  const failures = new Map<number, number>()
  const notes = defineProjection('Notes', {
    from: [notebook],
    schema: anything<Noted>(),
    on: {
      Written: ({ aggregateId, position }, views) => {
        const failed = failures.get(position) ?? 0
        failures.set(position, failed + 1)
        if (position % 7 === 0 && failed < 3) throw new Error('Not now.')
        views.update(aggregateId, (before) => ({ positions: [...(before?.positions ?? []), position] }))
      },
    },
  }) as ProjectionDefinition<Noted>
  const errors: unknown[] = []
  await using application = new Application({
    ...{ eventStore, viewStore, now, aggregates: [notebook], projections: [notes as ProjectionDefinition] },
    processors: {
      clock: { ...systemClock, now },
      leaseMs: 1000,
      failures: { maxAttempts: 10, retryDelay: { firstMs: 20, mostMs: 50 } },
      onError: (error) => errors.push(error),
    },
  })
  await application.start()

  const queued: string[] = []
  for (let jump = 0; jump < jumps; jump++) {
    const commands = Array.from({ length: 10 }, (_, number) =>
      notebook.command(
        'Write',
        { number },
        { commandId: `c-${jump}-${number}`, aggregateId: notebook.id(`n-${random(10)}`) },
      ),
    )
    const sending = commands.map(async (command, index) => {
      const mode = index % 3 === 0 ? 'async' : 'sync'
      if (mode === 'async') queued.push(`c-${jump}-${index}`)
      const { status } = await application.dispatch(command, { mode })
      assert.equal(status, mode === 'async' ? 'Pending' : 'Accepted')
    })
    await delay(random(20))
    time.ahead = (random(19) - 9) * hourMs
    await Promise.all(sending)
  }
  // The last one goes back as far as it can.
  await delay(10)
  time.ahead = -10 * hourMs
  for (const commandId of queued) {
    const { status } = await application.acknowledgmentOf(commandId, { waitMs: 10_000 })
    assert.equal(status, 'Accepted', commandId)
  }
  const head = await eventStore.headPosition()
  await waitForPosition(viewStore, notes, { afterPosition: head, waitMs: 10_000 })
  await untilNothingIsHeld()

  const log = await allEvents(eventStore)
  const writes = log.filter(({ aggregateType }) => aggregateType === 'Notebook')
  assert.equal(new Set(writes.map(({ metadata }) => metadata.commandId)).size, jumps * 10)
  assert.equal(writes.length, jumps * 10)
  const times = log.map(({ timestamp }) => timestamp)
  assert.deepEqual(times, times.toSorted(), 'time never runs backwards')
  for (const [id, stored] of Map.groupBy(writes, ({ aggregateId }) => aggregateId)) {
    const view = (await viewStore.getMany(notes, [id])).get(id)
    assert.deepEqual(view, { positions: stored.map(({ position }) => position) }, id)
  }
  assert.deepEqual(
    errors.filter((error) => !(error instanceof Error && error.message === 'Not now.')),
    [],
  )

  async function untilNothingIsHeld(): Promise<void> {
    for (const begun = performance.now(); ; await delay(20)) {
      const { events } = await viewStore.progressStore.countDeadLetters('Notes@1')
      if (events === 0) return
      assert.ok(performance.now() - begun < 10_000, `${events} events still wait to be tried again`)
    }
  }
})
