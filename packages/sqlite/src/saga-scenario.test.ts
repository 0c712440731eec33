import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  type AggregateDefinition,
  deadline,
  defineAggregate,
  defineSaga,
  event,
  type SagaDefinition,
  type Schema,
} from '@cim/core'
import { sagaScenario } from '@cim/testing'
import { SqliteEventStore } from './sqlite-event-store.ts'
import { SqliteViewStore } from './sqlite-view-store.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

type Text = { readonly text: string }
const text: Schema<Text> = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as Text }) },
}

const note = defineAggregate('Note', {
  events: { Noted: text, Reminded: text },
  commands: { Write: text, Remind: text },
  initialState: null,
  decide: { Write: (_, { data }) => [event('Noted', data)], Remind: (_, { data }) => [event('Reminded', data)] },
  apply: { Noted: () => null, Reminded: () => null },
})

/** Reminds of every note after a week, and again after another. */
const reminder = defineSaga('Reminder', {
  from: [note],
  initialState: { id: '', text: '' },
  startedBy: { Noted: ({ aggregateId }) => aggregateId },
  onDeadline: {
    Week: (state) => ({ commands: [remind(state)], deadlines: [deadline('Fortnight', { afterMs: weekMs })] }),
    Fortnight: (state) => ({ commands: [remind(state)], completed: true }),
  },
  on: {
    Noted: (_, { aggregateId, data }) => ({
      state: { id: aggregateId, text: data.text },
      deadlines: [deadline('Week', { afterMs: weekMs })],
    }),
  },
})

const weekMs = 7 * 86_400_000

function remind({ id, text }: { readonly id: string; readonly text: string }) {
  return note.command('Remind', { text }, { aggregateId: note.id(id) })
}

test('a scenario of sagas goes on in the files that the one before has left', async (context) => {
  const folder = temporaryFolder(context)
  const open = (now: string) =>
    sagaScenario({
      aggregates: [note as unknown as AggregateDefinition],
      sagas: [reminder as SagaDefinition],
      stores: (clock) => ({
        eventStore: new SqliteEventStore({ path: join(folder, 'events.db'), now: clock }),
        viewStore: new SqliteViewStore({ path: join(folder, 'views.db') }),
      }),
      now,
    })
  {
    await using scenario = await open('2026-01-01T00:00:00.000Z')
    await scenario.dispatch(note.command('Write', { text: 'milk' }, { aggregateId: note.id('n') }))
    await scenario.advance({ days: 10 })
    assert.equal((await scenario.events('Reminded')).length, 1)
    assert.equal((await scenario.saga('Reminder', 'n'))?.deadlines[0]?.dueAt, '2026-01-15T00:00:00.000Z')
  }
  {
    await using scenario = await open('2026-01-20T00:00:00.000Z')
    await scenario.settle()
    const times = (await scenario.events('Reminded')).map(({ timestamp }) => timestamp)
    assert.deepEqual(times, ['2026-01-08T00:00:00.000Z', '2026-01-20T00:00:00.000Z'])
    assert.equal((await scenario.saga('Reminder', 'n'))?.status, 'Completed')
  }
})
