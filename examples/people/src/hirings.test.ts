import assert from 'node:assert/strict'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { MemoryViewStore } from '@cim/core'
import { SqliteEventStore } from '@cim/sqlite'
import { createPeopleApplication } from './application.ts'
import { employment } from './employment.ts'
import { employmentOf } from './hiring-process.ts'
import { organization } from './organization.ts'
import { person } from './person.ts'
import { createOrganization } from './test-support/commands.ts'
import { Hirings, hire } from './test-support/hirings.ts'
import { HREndpoint } from './test-support/hr-endpoint.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

const works = organization.id('works')
const employmentId = employmentOf('ada')
const terms = { employmentId, personId: 'ada', organizationId: 'works', role: 'Analyst', startDate: '2026-07-01' }
const dayMs = 86_400_000
const hired = ['PersonCreated', 'EmploymentStarted', 'HRNotificationRequested']
const activate = organization.command('ChangeOrganizationStatus', { status: 'Active' }, { aggregateId: works })
const dissolve = organization.command('DissolveOrganization', { reason: 'Out of money.' }, { aggregateId: works })

describe('a hiring', () => {
  test('employs the person, tells HR, and is completed', async (context) => {
    const endpoint = await HREndpoint.open(context)
    await using hirings = await Hirings.open(temporaryFolder(context), endpoint)
    await hirings.send(hire('ada'))
    const { status, lastUpdated: _, ...view } = await hirings.becomes('ada', 'Completed')
    assert.deepEqual([status, view], ['Completed', terms])
    await hirings.ends('ada', 'Completed')
    assert.deepEqual(await hirings.eventTypes(), [...hired, 'HRNotified'])
    assert.deepEqual(endpoint.requests[0]?.body, { notification: 'EmploymentStarted', ...terms })
    assert.equal(endpoint.requests.length, 1)
  })

  test('has one correlation id from the first command to the last event', async (context) => {
    const endpoint = await HREndpoint.open(context)
    await using hirings = await Hirings.open(temporaryFolder(context), endpoint)
    await hirings.send({ ...hire('ada'), correlationId: 'hire-ada' })
    await hirings.ends('ada', 'Completed')
    const { eventStore } = hirings.application
    const { events } = await eventStore.readEvents({ correlationId: 'hire-ada' })
    assert.equal(events.length, await eventStore.headPosition())
  })

  test('is completed at once where there is no HR to tell, and says so', async (context) => {
    const unsent: object[] = []
    const onUnsent = (notification: object): void => void unsent.push(notification)
    await using hirings = await Hirings.open(temporaryFolder(context), { onUnsent })
    await hirings.send(hire('ada'))
    await hirings.ends('ada', 'Completed')
    assert.deepEqual(unsent, [{ notification: 'EmploymentStarted', ...terms }])
  })

  test('does not concern persons who are created without one, nor other employments', async (context) => {
    await using hirings = await Hirings.open(temporaryFolder(context))
    await hirings.send(
      person.command('CreatePerson', { legalName: 'Ada' }, { aggregateId: person.id('ada') }),
      employment.command(
        'StartEmployment',
        { personId: person.id('ada'), organizationId: works, role: 'Analyst', startDate: '2026-07-01' },
        { aggregateId: employment.id('another') },
      ),
      hire('grace'),
    )
    await hirings.ends('grace', 'Completed')
    assert.equal(await hirings.application.sagas.get('HiringProcess', 'ada'), undefined)
  })

  test('tries HR again under the same key until their endpoint is up', async (context) => {
    const endpoint = await HREndpoint.open(context, 503)
    await using hirings = await Hirings.open(temporaryFolder(context), endpoint)
    await hirings.send(hire('ada'))
    await endpoint.reach(8)
    assert.equal((await hirings.ends('ada', 'Running')).status, 'Running')
    endpoint.answer = 200
    await hirings.ends('ada', 'Completed')
    assert.equal(new Set(endpoint.keys).size, 1)
    assert.deepEqual(await hirings.eventTypes('Employment'), [...hired.slice(1), 'HRNotified'])
  })

  test('waits in the dead letters when HR refuses it, and goes on when that is retried', async (context) => {
    const endpoint = await HREndpoint.open(context, 400)
    await using hirings = await Hirings.open(temporaryFolder(context), endpoint)
    await hirings.send(hire('ada'))
    const { deadLetters } = hirings.application.processing
    while ((await deadLetters.list('HRNotifier', { filter: { state: 'parked' } })).sequences.length === 0) {
      await new Promise(setImmediate)
    }
    assert.equal(endpoint.requests.length, 1)
    endpoint.answer = 204
    await deadLetters.retry('HRNotifier', { aggregateId: employmentId })
    await hirings.ends('ada', 'Completed')
    assert.equal(new Set(endpoint.keys).size, 1)
  })

  test('goes on after a restart, with the key under which HR was asked before', async (context) => {
    const endpoint = await HREndpoint.open(context, 'nothing')
    const folder = temporaryFolder(context)
    await using hirings = await Hirings.open(folder, endpoint)
    await hirings.send(hire('ada'))
    await endpoint.reach(1)
    await hirings[Symbol.asyncDispose]()
    endpoint.answer = 204
    await using again = await Hirings.open(folder, endpoint)
    await again.ends('ada', 'Completed')
    assert.deepEqual([endpoint.requests.length, new Set(endpoint.keys).size], [2, 1])
  })
})

describe('hirings', () => {
  test('are taken up that were ordered before the process has ever run, or was known to', async (context) => {
    const folder = temporaryFolder(context)
    await using eventStore = new SqliteEventStore({ path: join(folder, 'events.sqlite') })
    const application = createPeopleApplication({ eventStore, viewStore: new MemoryViewStore() })
    await application.dispatch(hire('ada'))
    await eventStore.close()
    await using hirings = await Hirings.open(folder)
    await hirings.ends('ada', 'Completed')
  })

  test('are known when views and progress are lost: nothing is done again', async (context) => {
    const endpoint = await HREndpoint.open(context)
    const folder = temporaryFolder(context)
    await using hirings = await Hirings.open(folder, endpoint)
    await hirings.send(hire('ada'), hire('grace'))
    await hirings.ends('ada', 'Completed')
    await hirings.ends('grace', 'Completed')
    const head = await hirings.application.eventStore.headPosition()
    await hirings[Symbol.asyncDispose]()
    for (const name of readdirSync(folder)) if (name.startsWith('views.sqlite')) rmSync(join(folder, name))
    await using again = await Hirings.open(folder, endpoint)
    for (const name of ['HiringProcess', 'HRNotifier']) await again.application.processing.drain(name)
    assert.equal(await again.application.eventStore.headPosition(), head)
    assert.equal(endpoint.requests.length, 2)
  })
})

describe('a hiring that comes to nothing', () => {
  test('is taken back when the organization is dissolved before HR knows; the person is informed, HR of the end', async (context) => {
    const endpoint = await HREndpoint.open(context, 503)
    await using hirings = await Hirings.open(temporaryFolder(context), endpoint)
    await hirings.send(createOrganization('works', 'Works'), activate, hire('ada', '2199-01-01'), hire('grace'))
    await endpoint.reach(4)
    await hirings.send(dissolve)
    const { status, reason } = await hirings.becomes('ada', 'Failed')
    assert.deepEqual([status, reason], ['Failed', 'Out of money.'])
    for (const personId of ['ada', 'grace']) {
      const { failure, doneSteps } = await hirings.ends(personId, 'Failed')
      assert.deepEqual([failure?.code, doneSteps], ['organization-dissolved', []])
    }
    const { state } = await hirings.application.stateAt('Employment', employmentId)
    // It was never taken up.
    assert.equal((state as { readonly endDate?: string }).endDate, '2199-01-01')
    endpoint.answer = 204
    const toldOf = (name: string): readonly string[] =>
      endpoint.requests
        .filter(({ body }) => body.employmentId === employmentId && body.notification === name)
        .map(({ key }) => key)
    while (toldOf('EmploymentEnded').length === 0) await endpoint.reach(endpoint.requests.length + 1)
    assert.equal(
      endpoint.requests.findLast(({ body }) => body.employmentId === employmentId)?.body.notification,
      'EmploymentEnded',
    )
    assert.equal(new Set(toldOf('EmploymentStarted')).size, 1)
    assert.equal(toldOf('EmploymentEnded').length, 1)
  })

  test('stays completed when the organization is dissolved after HR was told', async (context) => {
    await using hirings = await Hirings.open(temporaryFolder(context))
    await hirings.send(createOrganization('works', 'Works'), activate, hire('ada'))
    await hirings.ends('ada', 'Completed')
    await hirings.send(dissolve)
    await hirings.application.processing.drain('HiringProcess')
    assert.equal((await hirings.ends('ada', 'Completed')).status, 'Completed')
    assert.ok(!(await hirings.eventTypes()).includes('EmploymentEnded'))
  })

  test('informs the person when the employment cannot start', async (context) => {
    const endpoint = await HREndpoint.open(context)
    await using hirings = await Hirings.open(temporaryFolder(context), endpoint)
    const taken = { personId: person.id('eve'), organizationId: works, role: 'Spy', startDate: '2020-01-01' }
    await hirings.send(employment.command('StartEmployment', taken, { aggregateId: employmentId }), hire('ada'))
    const { failure } = await hirings.ends('ada', 'Failed')
    assert.equal(failure?.code, 'employment-started')
    const { reason } = await hirings.becomes('ada', 'Failed')
    assert.equal(reason, 'This employment started on 2020-01-01 already.')
    assert.deepEqual(await hirings.eventTypes(), ['EmploymentStarted', 'PersonCreated', 'PersonInformed'])
    assert.equal(endpoint.requests.length, 0)
  })

  test('can be cancelled by an operator, in whatever words', async (context) => {
    const endpoint = await HREndpoint.open(context, 503)
    await using hirings = await Hirings.open(temporaryFolder(context), endpoint)
    await hirings.send(hire('ada'))
    await endpoint.reach(1)
    await hirings.application.sagas.cancel('HiringProcess', 'ada', `A mistake:\n\t${'on and on '.repeat(100)}`)
    await hirings.ends('ada', 'Failed')
    assert.deepEqual((await hirings.eventTypes()).slice(-2), ['EmploymentEnded', 'PersonInformed'])
  })

  test('is taken back also when somebody has ended the employment, and the person cannot be informed', async (context) => {
    const endpoint = await HREndpoint.open(context, 503)
    await using hirings = await Hirings.open(temporaryFolder(context), endpoint)
    await hirings.send(createOrganization('works', 'Works'), activate, hire('ada', '2020-01-01'))
    await endpoint.reach(1)
    await hirings.send(
      employment.command('EndEmployment', { endDate: '2020-02-01', reason: 'left' }, { aggregateId: employmentId }),
      person.command('RecordDeath', { dateOfDeath: '2020-02-01' }, { aggregateId: person.id('ada') }),
      dissolve,
    )
    await hirings.ends('ada', 'Failed')
  })
})

describe('a hiring of which HR is not told in time', () => {
  test('is escalated after three days, once, and completed when HR is told at last', async (context) => {
    const endpoint = await HREndpoint.open(context, 503)
    await using hirings = await Hirings.open(temporaryFolder(context), endpoint)
    await hirings.send(hire('ada'))
    await endpoint.reach(1)
    hirings.passDays(2.9)
    await hirings.send(hire('grace'))
    await endpoint.reach(endpoint.requests.length + 2)
    hirings.passDays(0.2)
    await hirings.becomes('ada', 'Escalated')
    endpoint.answer = 204
    await hirings.ends('ada', 'Completed')
    const events = (await hirings.application.historyOf('Employment', employmentId)).map(({ event }) => event)
    const expected = [...hired.slice(1), 'HRNotificationEscalated', 'HRNotified']
    assert.deepEqual(
      events.map(({ eventType }) => eventType),
      expected,
    )
    const timeOf = (type: string) => Date.parse(events.find(({ eventType }) => eventType === type)?.timestamp ?? '')
    const waited = timeOf('HRNotificationEscalated') - timeOf('EmploymentStarted')
    assert.ok(waited >= 3 * dayMs && waited < 3.2 * dayMs, `escalated after ${waited} ms`)
  })

  test('is escalated after as many days as are asked for, also when they pass while nothing runs', async (context) => {
    const endpoint = await HREndpoint.open(context, 'nothing')
    const folder = temporaryFolder(context)
    await using hirings = await Hirings.open(folder, { url: endpoint.url, daysToNotify: 10 })
    await hirings.send(hire('ada'))
    await endpoint.reach(1)
    await hirings[Symbol.asyncDispose]()
    await using again = await Hirings.open(folder, { url: endpoint.url, daysToNotify: 1 })
    again.passDays(9.9)
    await endpoint.reach(2)
    assert.equal((await again.ends('ada', 'Running')).deadlines.length, 1)
    again.passDays(0.2)
    await again.becomes('ada', 'Escalated')
  })

  test('is not escalated once HR was told', async (context) => {
    await using hirings = await Hirings.open(temporaryFolder(context))
    await hirings.send(hire('ada'))
    await hirings.ends('ada', 'Completed')
    hirings.passDays(4)
    await hirings.send(hire('grace'))
    const { deadlines } = await hirings.ends('grace', 'Completed')
    assert.deepEqual(deadlines, [])
    assert.ok(!(await hirings.eventTypes()).includes('HRNotificationEscalated'))
  })
})
