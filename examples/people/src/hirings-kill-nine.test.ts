import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { DomainEventEnvelope } from '@cim/core'
import { SqliteEventStore } from '@cim/sqlite'
import { employmentOf } from './hiring-process.ts'
import { CommandClient } from './import-congress/command-client.ts'
import type { RepeatableCommand } from './import-congress/congress-commands.ts'
import { sendChains } from './import-congress/send-chains.ts'
import { organization } from './organization.ts'
import { createOrganization } from './test-support/commands.ts'
import { assertViewsEqualReplay } from './test-support/compare-views.ts'
import { hire } from './test-support/hirings.ts'
import { HREndpoint } from './test-support/hr-endpoint.ts'
import { ServiceProcess } from './test-support/service-process.ts'
import { seededRandom } from './test-support/synthetic-congress.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

const kills = Number(process.env.CIM_KILLS ?? 4)
const seed = Number(process.env.CIM_SEED ?? Date.now() % 1_000_000_000)
const persons = 30 * (kills + 1)

test(`hirings survive ${kills} kills of the service: each ends, and HR can tell repetitions by their keys`, async (context) => {
  context.diagnostic(`CIM_SEED=${seed} repeats the moments of these kills`)
  const random = seededRandom(seed)
  const moods = [204, 204, 204, 204, 204, 204, 204, 503, 'lost', 204] as const
  const endpoint = await HREndpoint.open(context, () => moods[Math.floor(random() * moods.length)] ?? 204)
  const dataFolder = temporaryFolder(context)
  const start = async (port = 0): Promise<ServiceProcess> => {
    const service = await ServiceProcess.start({ dataFolder, port, args: ['--hr-url', endpoint.url] })
    context.after(() => service.end('SIGKILL'))
    return service
  }

  let service = await start()
  const { url, port } = service
  const hiring = hireAll(url)
  for (let kill = 1; kill <= kills; kill++) {
    // Most hirings have HR told of them, so that so many requests come for certain.
    await endpoint.reach(Math.ceil(((kill - random()) * persons) / (2 * kills)))
    await delay(random() * 20)
    assert.equal(await service.end('SIGKILL'), null)
    service = await start(port)
  }
  await hiring
  const outcomes = await allOutcomes(url)
  await everyoneTold(url)
  assert.equal(await service.end('SIGTERM'), 0)

  const events = await readAll(dataFolder)
  const of = (aggregateId: string, eventType: string): readonly DomainEventEnvelope[] =>
    events.filter((event) => event.aggregateId === aggregateId && event.eventType === eventType)
  const keysOf = (employmentId: string, notification: string): ReadonlySet<string> => {
    const about = endpoint.requests.filter(({ body }) => body.employmentId === employmentId)
    return new Set(about.filter(({ body }) => body.notification === notification).map(({ key }) => key))
  }
  const told = (employmentId: string, eventType: string): ReadonlySet<string> =>
    new Set(of(employmentId, eventType).map(({ eventId }) => `HRNotifier:${eventId}`))
  for (const [personId, outcome] of outcomes) {
    const employmentId = employmentOf(personId)
    const count = (eventType: string): number => of(employmentId, eventType).length
    const isFailed = outcome === 'Failed'
    assert.deepEqual(
      [count('EmploymentStarted'), count('EmploymentEnded'), of(personId, 'PersonInformed').length],
      [1, isFailed ? 1 : 0, isFailed ? 1 : 0],
      `${personId} has ${outcome}`,
    )
    assert.equal(of(personId, isFailed ? 'SagaFailed' : 'SagaCompleted').length, 1, personId)
    assert.equal(count('HRNotified'), count('HRNotificationRequested'), personId)
    assert.deepEqual(keysOf(employmentId, 'EmploymentStarted'), told(employmentId, 'HRNotificationRequested'), personId)
    const isEndTold = isFailed && count('HRNotificationRequested') === 1
    assert.equal(keysOf(employmentId, 'EmploymentEnded').size, isEndTold ? 1 : 0, personId)
  }
  const failed = [...outcomes.values()].filter((outcome) => outcome === 'Failed').length
  const repetitions = endpoint.requests.length - new Set(endpoint.keys).size
  context.diagnostic(`${outcomes.size} hirings, ${failed} of them failed; HR was asked ${repetitions} times again`)
  await assertViewsEqualReplay(dataFolder)
})

test('HR is asked again under the same key after a kill that came before their answer', async (context) => {
  const endpoint = await HREndpoint.open(context, 'nothing')
  const dataFolder = temporaryFolder(context)
  const args = ['--hr-url', endpoint.url]
  await using service = await ServiceProcess.start({ dataFolder, args })
  const { commandType: _, ...body } = hire('ada')
  const response = await fetch(`${service.url}/commands/CreatePerson`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  assert.equal(response.status, 200)
  await endpoint.reach(1)
  await service.end('SIGKILL')
  endpoint.answer = 204
  await using again = await ServiceProcess.start({ dataFolder, args })
  assert.equal(await outcomeOf(again.url, 'ada'), 'Completed')
  assert.deepEqual([endpoint.requests.length, new Set(endpoint.keys).size], [2, 1])
})

const idOf = (index: number): string => `person-${index}`

/** Every third person is hired by an organization that is dissolved meanwhile. */
async function hireAll(url: string): Promise<void> {
  const client = new CommandClient({ url })
  const repeatable = (command: object, commandId: string): RepeatableCommand =>
    ({ ...command, commandId }) as RepeatableCommand
  const aggregateId = organization.id('works')
  const activate = organization.command('ChangeOrganizationStatus', { status: 'Active' }, { aggregateId })
  const dissolve = organization.command('DissolveOrganization', { reason: 'Out of money.' }, { aggregateId })
  const found = [repeatable(createOrganization('works', 'Works'), 'create'), repeatable(activate, 'activate')]
  const hirings = Array.from({ length: persons }, (_, index) => {
    const command = hire(idOf(index))
    const employer = organization.id(index % 3 === 0 ? 'works' : 'lasting')
    const data = command.data as { readonly hiring: object }
    return [
      repeatable(
        { ...command, data: { ...data, hiring: { ...data.hiring, organizationId: employer } } },
        `hire-${index}`,
      ),
    ]
  })
  const half = Math.floor(persons / 2)
  const chains = [...hirings.slice(0, half), [repeatable(dissolve, 'dissolve')], ...hirings.slice(half)]
  const send = (command: RepeatableCommand, signal: AbortSignal) => client.send(command, signal)
  for (const [some, concurrency] of [
    [[found], 1],
    [chains, 4],
  ] as const) {
    const { refusals } = await sendChains(some, send, { concurrency, headBefore: 0 })
    assert.deepEqual(refusals, [])
  }
}

/** @returns how each hiring has ended, by person, once all have */
async function allOutcomes(url: string): Promise<ReadonlyMap<string, string>> {
  const outcomes = new Map<string, string>()
  for (let index = 0; index < persons; index++) {
    const personId = idOf(index)
    outcomes.set(personId, await outcomeOf(url, personId))
  }
  return outcomes
}

function outcomeOf(url: string, personId: string): Promise<string> {
  return eventually(`the end of the hiring of ${personId}`, async () => {
    const response = await fetch(`${url}/aggregates/HiringProcess/${personId}`)
    const { state } = (await response.json()) as { readonly state?: { readonly status?: string } }
    return state?.status === 'Completed' || state?.status === 'Failed' ? state.status : undefined
  })
}

/** Waits until HR was told of everything that there is to tell. */
async function everyoneTold(url: string): Promise<void> {
  await eventually('the last notification', async () => {
    const response = await fetch(`${url}/admin/processors/HRNotifier`)
    const { lagEvents, deadLetters } = (await response.json()) as {
      readonly lagEvents?: number
      readonly deadLetters?: { readonly events: number }
    }
    return lagEvents === 0 && deadLetters?.events === 0 ? true : undefined
  })
}

async function eventually<TFound>(what: string, look: () => Promise<TFound | undefined>): Promise<TFound> {
  for (const begun = performance.now(); performance.now() - begun < 60_000; await delay(20)) {
    const found = await look()
    if (found !== undefined) return found
  }
  throw new Error(`Waited a minute for ${what}.`)
}

async function readAll(dataFolder: string): Promise<readonly DomainEventEnvelope[]> {
  await using eventStore = new SqliteEventStore({ path: join(dataFolder, 'events.sqlite') })
  const events: DomainEventEnvelope[] = []
  for (let position = 0; ; ) {
    const page = await eventStore.readEvents({ afterPosition: position, limit: 10_000 })
    events.push(...page.events)
    if (page.isEnd) return events
    position = page.position
  }
}
