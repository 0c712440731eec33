import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { defineAggregate, defineProjection, event, type Schema } from '@cim/core'
import { givenEvents, pastEvent, ScenarioError } from '@cim/testing'

type Joined = { readonly member: string; readonly role?: string }
type TeamView = { readonly members: readonly string[]; readonly founded: string }

const joined: Schema<Joined> = schema((value) => typeof (value as Joined).member === 'string', 'member')
const teamView: Schema<TeamView> = schema((value) => !(value as TeamView).members.includes('Mallory'), 'members')

const team = defineAggregate('Team', {
  events: { Founded: joined, Joined: joined, Dissolved: joined },
  commands: {},
  initialState: null,
  decide: {},
  apply: { Founded: () => null, Joined: () => null, Dissolved: () => null },
  upcasters: { Joined: [(data) => ({ member: (data as { readonly name: string }).name })] },
})

const teams = defineProjection('TeamView', {
  from: [team],
  schema: teamView,
  indexes: { member: ({ members }) => members },
  on: {
    Founded: ({ aggregateId, data, timestamp }, views) =>
      views.set(aggregateId, { members: [data.member], founded: timestamp }),
    Joined: ({ aggregateId, data }, views) =>
      views.update(aggregateId, (view) => {
        if (view === undefined) throw new RangeError(`Team ${aggregateId} was not founded.`)
        return { ...view, members: [...view.members, data.member] }
      }),
    Dissolved: ({ aggregateId }, views) => views.delete(aggregateId),
  },
})

const founded = pastEvent(team, 'red', 'Founded', { member: 'Ada' }, { timestamp: '2026-02-03T04:05:06.007Z' })
const view: TeamView = { members: ['Ada', 'Bob'], founded: '2026-02-03T04:05:06.007Z' }

describe('given events, then views', () => {
  test('a scenario that ends as told passes', async () => {
    const views = givenEvents(teams, [founded, pastEvent(team, 'red', 'Joined', { member: 'Bob' })])
    await views.thenView('red', view)
    await views.thenNoView('blue')
    await views.thenFound('member', 'Bob', ['red'])
    await views.thenFound('member', 'Eve', [])
    await givenEvents(teams, []).thenNoView('red')
    await givenEvents(teams, [founded, pastEvent(team, 'red', 'Dissolved', { member: 'Ada' })]).thenNoView('red')
  })

  test('events of older schema versions are lifted on their way', async () => {
    const old = pastEvent(team, 'red', 'Joined', { name: 'Bob' } as unknown as Joined, { schemaVersion: 1 })
    await givenEvents(teams, [founded, old]).thenView('red', view)
  })

  test('another view than expected is shown with the difference', async () => {
    const views = givenEvents(teams, [founded])
    assert.equal(
      await messageOf(views.thenView('red', view)),
      `given TeamView, Founded: the view "red" is not as expected.
  expected: {"members":["Ada","Bob"],"founded":"2026-02-03T04:05:06.007Z"}
  actual:   {"members":["Ada"],"founded":"2026-02-03T04:05:06.007Z"}
  difference:
    /members/1: expected "Bob", is missing`,
    )
    assert.equal(
      await messageOf(views.thenView('blue', view)),
      'given TeamView, Founded: expected a view "blue", there are ["red"].',
    )
    assert.equal(
      await messageOf(givenEvents(teams, []).thenView('blue', view)),
      'given TeamView: expected a view "blue", there is none at all.',
    )
    assert.equal(
      await messageOf(views.thenNoView('red')),
      'given TeamView, Founded: expected no view "red", got {"members":["Ada"],"founded":"2026-02-03T04:05:06.007Z"}.',
    )
    assert.equal(
      await messageOf(views.thenFound('member', 'Ada', ['blue', 'red'])),
      `given TeamView, Founded: what is found under member "Ada" is not as expected.
  expected: ["blue","red"]
  actual:   ["red"]
  difference:
    /0: expected "blue", got "red"
    /1: expected "red", is missing`,
    )
  })

  test('a projection that fails is shown with its error', async () => {
    const views = givenEvents(teams, [pastEvent(team, 'red', 'Joined', { member: 'Bob' })])
    assert.equal(
      await messageOf(views.thenNoView('red')),
      'given TeamView, Joined: the projection failed: Team red was not founded.',
    )
  })

  test('a view that does not fit its schema is an error', async () => {
    const views = givenEvents(teams, [founded, pastEvent(team, 'red', 'Joined', { member: 'Mallory' })])
    assert.equal(
      await messageOf(views.thenView('red', view)),
      'given TeamView, Founded, Joined: The view "red" is not valid. /members: is wrong',
    )
  })

  test('a projection that depends on how many events come at once is found out', async () => {
    let batch: string[] = []
    const careless = defineProjection('Careless', {
      from: [team],
      schema: schema<readonly string[]>(() => true, ''),
      on: {
        Joined: ({ data }, views) => {
          batch.push(data.member)
          views.update('all', () => {
            const members = batch
            batch = []
            return members
          })
        },
      },
    })
    const views = givenEvents(careless, [
      pastEvent(team, 'red', 'Joined', { member: 'Ada' }),
      pastEvent(team, 'red', 'Joined', { member: 'Bob' }),
    ])
    assert.match(
      await messageOf(views.thenNoView('nothing')),
      /^given Careless, Joined, Joined: what comes of the events one by one, compared with all together, is not as/,
    )
  })

  test('an event whose data does not fit its schema is an error', () => {
    assert.throws(() => pastEvent(team, 'red', 'Joined', { member: 5 as unknown as string }), {
      name: 'ScenarioError',
      message: 'The given event Joined is not valid. /member: is wrong',
    })
    assert.throws(() => pastEvent(team, 'red', 'Renamed' as 'Joined', { member: 'Ada' }), {
      message: 'The given event Renamed is not defined.',
    })
  })

  test('the types of events are those of the definition', () => {
    const { event: stored } = founded
    assert.deepEqual(stored, { eventType: 'Founded', eventData: { member: 'Ada' }, schemaVersion: 1 })
    assert.deepEqual(event('Founded', { member: 'Ada' }).data, stored.eventData)
    assert.equal(pastEvent(team, 'red', 'Joined', { member: 'Bob' }).event.schemaVersion, 2)
  })
})

function schema<TData>(isFine: (value: unknown) => boolean, property: string): Schema<TData> {
  const validate = (value: unknown) =>
    isFine(value) ? { value: value as TData } : { issues: [{ message: 'is wrong', path: [property] }] }
  return { '~standard': { version: 1, vendor: 'test', validate } }
}

async function messageOf(running: Promise<unknown>): Promise<string> {
  try {
    await running
  } catch (error) {
    assert.ok(error instanceof ScenarioError, String(error))
    return error.message
  }
  return assert.fail('the scenario should have failed')
}
