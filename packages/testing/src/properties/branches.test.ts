/** What holds for the views of any past, and for any what-if: guarantee 12. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type AggregateDefinition,
  Application,
  defineProjection,
  defineQuery,
  MemoryEventStore,
  MemoryViewStore,
  type NewEvent,
  type ProjectionDefinition,
  type QueryDefinition,
  type Schema,
} from '@cim/core'
import fc from 'fast-check'
import { checkProperty } from '../conformance/check-property.ts'
import { allEvents } from '../event-store/sample-events.ts'
import { account } from './sample-account.test.ts'

type View = { readonly balance: number; readonly twins: number }

function anything<TValue>(): Schema<TValue> {
  return { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as TValue }) } }
}

/** Knows how many other accounts had the same balance when it changed: looks into the view, and is not done at once. */
const balances = defineProjection('Balances', {
  from: [account],
  schema: anything<View>(),
  indexes: { balance: ({ balance }) => balance },
  on: {
    Deposited: async ({ aggregateId, data }, views) => {
      const balance = ((await views.get(aggregateId))?.balance ?? 0) + data.amount
      const twins = (await views.find('balance', balance)).filter(({ id }) => id !== aggregateId).length
      views.set(aggregateId, { balance, twins })
    },
    Withdrawn: async ({ aggregateId, data }, views) => {
      views.update(aggregateId, (view) => {
        const balance = (view?.balance ?? 0) - data.amount
        return balance === 0 ? undefined : { balance, twins: -1 }
      })
    },
  },
})

/** One document that counts everything. */
const totals = defineProjection('Totals', {
  from: [account],
  schema: anything<{ readonly events: number }>(),
  on: {
    Deposited: (_, views) => views.update('all', (view) => ({ events: (view?.events ?? 0) + 1 })),
    Withdrawn: (_, views) => views.update('all', (view) => ({ events: (view?.events ?? 0) + 1 })),
  },
})

const showAll = defineQuery('ShowAll', {
  parameters: anything<{ readonly least: number }>(),
  result: anything<unknown>(),
  handle: async ({ least }, read, { now }) => ({
    now,
    rich: await read(balances).findRows('balance', { from: least }),
    all: await read(balances).list(),
    count: await read(balances).count(),
    totals: await read(totals).get('all'),
  }),
})

const start = Date.UTC(2026, 0, 1)
const names = ['a', 'b', 'c']
const sent = fc.record({
  commandType: fc.constantFrom('Deposit', 'Deposit', 'Withdraw'),
  name: fc.constantFrom(...names),
  amount: fc.nat(3),
  /** Some are sent again: then they are known, when their first time is past. */
  number: fc.nat(8),
})
type Sent = typeof sent extends fc.Arbitrary<infer TSent> ? TSent : never

/** A system whose clock goes on by a millisecond with each command. */
class System {
  time: number = start
  readonly eventStore = new MemoryEventStore({ now: () => this.time })
  readonly viewStore = new MemoryViewStore()
  readonly application = new Application({
    eventStore: this.eventStore,
    viewStore: this.viewStore,
    aggregates: [account as unknown as AggregateDefinition],
    projections: [balances, totals] as readonly unknown[] as readonly ProjectionDefinition[],
    queries: [showAll as QueryDefinition],
    now: () => this.time,
    pastViews: { batchSize: 3, mostKeptViews: 3 },
  })
}

async function send(application: Application, { commandType, name, amount, number }: Sent): Promise<unknown> {
  const commandId = `${commandType}-${name}-${amount}-${number}`
  const command = account.command(commandType, { amount }, { aggregateId: account.id(name), commandId })
  return await application.dispatch(command)
}

async function show(application: Application): Promise<unknown> {
  const afterPosition = await application.eventStore.headPosition()
  return await application.query(showAll, { least: 2 }, { afterPosition, waitMs: 30_000 })
}

async function statesIn(application: Application): Promise<unknown> {
  return await Promise.all(names.map((name) => application.stateAt('Account', name)))
}

/** A system to which no more has happened than this one's events up to a position. */
async function replayed(system: System, position: number): Promise<System> {
  const copy = new System()
  for (const event of await allEvents(system.eventStore)) {
    if (event.position > position) break
    copy.time = Date.parse(event.timestamp)
    const { eventId, eventType, eventData, schemaVersion, metadata, aggregateType, aggregateId } = event
    const again: NewEvent = { eventId, eventType, eventData, schemaVersion, metadata }
    await copy.eventStore.appendEvents({ aggregateType, aggregateId }, [again], { expectedVersion: 'any' })
  }
  await copy.application.start()
  return copy
}

/** Everything that is stored, down to command records, rows and checkpoints. */
async function everythingIn({ eventStore, viewStore }: System, commands: readonly Sent[]): Promise<unknown> {
  const rows = []
  for (const view of [balances, totals]) {
    rows.push(await viewStore.getCheckpoint(view), await viewStore.list(view), await viewStore.listViews(view.viewName))
  }
  const records = commands.map(({ commandType, name, amount, number }) =>
    eventStore.findCommand(
      { aggregateType: 'Account', aggregateId: name },
      `${commandType}-${name}-${amount}-${number}`,
    ),
  )
  const head = await eventStore.headPosition()
  return JSON.stringify([head, await allEvents(eventStore), await Promise.all(records), rows])
}

describe('any past', () => {
  test('is shown by queries as a system with that past alone shows it, in whatever order it is asked for', async () => {
    const property = fc.asyncProperty(
      fc.array(sent, { maxLength: 12 }),
      fc.array(fc.nat(), { minLength: 1, maxLength: 6 }),
      async (commands, places) => {
        const system = new System()
        for (const command of commands) {
          system.time++
          await send(system.application, command)
        }
        const head = await system.eventStore.headPosition()
        const positions = places.map((place) => place % (head + 1))
        const answers = await Promise.all(
          positions.map((position) => system.application.query(showAll, { least: 2 }, { asOf: { position } })),
        )
        for (const [index, position] of positions.entries()) {
          const then = await replayed(system, position)
          if (position === 0) then.time = system.time
          assert.deepEqual(answers[index], await show(then.application))
          const timestamp = new Date(then.time).toISOString()
          if (position > 0) {
            assert.deepEqual(
              await system.application.query(showAll, { least: 2 }, { asOf: { timestamp } }),
              answers[index],
            )
          }
          await then.application.stop()
        }
      },
    )
    await checkProperty(property, 60)
  })
})

describe('any what-if', () => {
  test('goes on like a system with that past alone, and leaves the system that it comes from as it is', async () => {
    const commands = fc.array(sent, { maxLength: 10 })
    const property = fc.asyncProperty(commands, commands, fc.nat(), async (past, future, place) => {
      const system = new System()
      await system.application.start()
      for (const command of past) {
        system.time++
        await send(system.application, command)
      }
      await show(system.application)
      const before = await everythingIn(system, [...past, ...future])
      const position = place % ((await system.eventStore.headPosition()) + 1)
      const then = await replayed(system, position)
      then.time = system.time
      await using branch = await system.application.branch({ position })
      assert.deepEqual(
        [await statesIn(branch), await show(branch)],
        [await statesIn(then.application), await show(then.application)],
      )
      for (const command of future) {
        system.time++
        then.time++
        // A copy of events has no records of commands: what is sent anew is sent under another name.
        const anew = { ...command, number: command.number + 100 }
        assert.deepEqual(await send(branch, anew), await send(then.application, anew))
      }
      assert.deepEqual(
        [await statesIn(branch), await show(branch)],
        [await statesIn(then.application), await show(then.application)],
      )
      assert.equal(await everythingIn(system, [...past, ...future]), before)
      await then.application.stop()
      await system.application.stop()
    })
    await checkProperty(property, 60)
  })
})
