// The People service as three processes on a cluster of three NATS servers.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { CommandAcknowledgment, DomainEventEnvelope } from '@cim/core'
import { JetStreamEventStore, JetStreamProgressStore } from '@cim/nats'
import { SqliteViewStore } from '@cim/sqlite'
import { employmentOf } from '../hiring-process.ts'
import { CommandClient } from '../import-congress/command-client.ts'
import type { RepeatableCommand } from '../import-congress/congress-commands.ts'
import { changeEmail, createOrganization, createPerson } from '../test-support/commands.ts'
import { assertAllEqualReplay } from '../test-support/compare-views.ts'
import { hire } from '../test-support/hirings.ts'
import { HREndpoint } from '../test-support/hr-endpoint.ts'
import { startCluster } from '../test-support/nats-servers.ts'
import { ServiceProcess } from '../test-support/service-process.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

type Three = [ServiceProcess, ServiceProcess, ServiceProcess]

/** Each makes two commands; CIM_PERSONS and CIM_HIRINGS make the run longer. */
const persons = Number(process.env.CIM_PERSONS ?? 45)
const hirings = Number(process.env.CIM_HIRINGS ?? 30)

test('three services share one cluster: one is killed, and nothing is lost, done twice or seen differently', async (context) => {
  const servers = await startCluster(context)
  const hr = await HREndpoint.open(context)
  const folders = [1, 2, 3].map(() => temporaryFolder(context))
  const start = (index: number, port = 0) => startService(context, folders[index] ?? '', port, servers, hr)
  // The first one runs what one process alone may run.
  const services = [await start(0), ...(await Promise.all([start(1), start(2)]))]
  const [first] = services as Three
  for (const name of ['HiringProcess', 'HRNotifier']) assert.equal(await stateOf(first, name), 'running')
  await send(first, createOrganization('works', 'Works'), 'works')

  // Commands go to each of them, and whoever is asked next has seen what was just acknowledged.
  await inTurn(persons, async (index) => {
    const [here, there, elsewhere] = [0, 1, 2].map((step) => services[(index + step) % 3]) as Three
    const id = `person-${index}`
    const { position } = await send(here, createPerson(id, `Person ${index}`), `create-${index}`)
    assert.equal((await ask(there, id, position)).legalName?.full, `Person ${index}`)
    const { position: changed } = await send(there, changeEmail(id, `${index}@example.org`), `change-${index}`)
    assert.equal((await ask(elsewhere, id, changed)).email, `${index}@example.org`)
  })

  // HR falls silent in the middle of the hirings, and whoever tells them is killed.
  let answers = 0
  hr.answer = () => (++answers <= hirings / 3 ? 204 : 'nothing')
  await inTurn(hirings, (index) => send(services[index % 3], hire(`hired-${index}`), `hire-${index}`))
  await hr.reach(Math.ceil(hirings / 3) + 1)
  const { port } = first
  await first.end('SIGKILL')
  hr.answer = 204
  const others = services.slice(1)
  await inTurn(20, (index) => send(others[index % 2], createPerson(`late-${index}`, 'Late'), `late-${index}`))
  const killedAt = performance.now()
  await eventually('the end of each hiring', async () => {
    const counts = await Promise.all(others.map(completedHirings))
    return counts.every((count) => count === hirings)
  })
  context.diagnostic(`the others ended all hirings within ${Math.round(performance.now() - killedAt)} ms of the kill`)

  const again = await start(0, port)
  const last = await send(others[0], changeEmail('late-0', 'late@example.org'), 'last')
  assert.equal((await ask(again, 'late-0', last.position)).email, 'late@example.org')
  for (const service of [again, ...others]) assert.equal(await service.end('SIGTERM'), 0)
  await assertEachHiringOnce(await storedEvents(servers), hr)
  await assertSameViews(servers, folders)
})

async function startService(
  context: TestContext,
  dataFolder: string,
  port: number,
  servers: string,
  hr: HREndpoint,
): Promise<ServiceProcess> {
  const service = await ServiceProcess.start({ dataFolder, port, args: ['--nats', servers, '--hr-url', hr.url] })
  context.after(() => service.end('SIGKILL'))
  return service
}

/** The command may be sent again while the service does not answer, under its id. */
async function send(
  service: ServiceProcess | undefined,
  command: object,
  commandId: string,
): Promise<CommandAcknowledgment> {
  const client = new CommandClient({ url: service?.url ?? '' })
  const acknowledgment = await client.send({ ...command, commandId } as RepeatableCommand, AbortSignal.timeout(60_000))
  assert.equal(acknowledgment.status, 'Accepted', `${commandId}: ${acknowledgment.reason?.message}`)
  return acknowledgment
}

/** @returns the person as a service shows it that has seen the position */
async function ask({ url }: ServiceProcess, personId: string, after: number) {
  const response = await fetch(`${url}/queries/GetPersonById?personId=${personId}&after=${after}&wait=20000`)
  assert.equal(response.status, 200, await response.clone().text())
  return (await response.json()) as { readonly legalName?: { readonly full: string }; readonly email?: string }
}

async function stateOf({ url }: ServiceProcess, processor: string): Promise<string> {
  const response = await fetch(`${url}/admin/processors/${processor}`)
  return ((await response.json()) as { readonly state: string }).state
}

async function completedHirings({ url }: ServiceProcess): Promise<number> {
  const asked = Array.from({ length: hirings }, (_, index) => fetch(`${url}/queries/GetHiring?personId=hired-${index}`))
  const found = await Promise.all((await Promise.all(asked)).map((response) => response.json()))
  return found.filter((hiring) => (hiring as { readonly status?: string } | null)?.status === 'Completed').length
}

/** Eight at a time. */
async function inTurn(count: number, act: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await act(next++)
  }
  await Promise.all(Array.from({ length: 8 }, worker))
}

async function eventually(what: string, look: () => Promise<boolean>): Promise<void> {
  for (const begun = performance.now(); performance.now() - begun < 60_000; await delay(100)) {
    if (await look()) return
  }
  throw new Error(`Waited a minute for ${what}.`)
}

async function storedEvents(servers: string): Promise<readonly DomainEventEnvelope[]> {
  await using eventStore = await JetStreamEventStore.open({ servers: servers.split(',') })
  const events: DomainEventEnvelope[] = []
  for (let afterPosition = 0; ; ) {
    const page = await eventStore.readEvents({ afterPosition, limit: 1000 })
    events.push(...page.events)
    if (page.isEnd) return events
    afterPosition = page.position
  }
}

/** Each step once, and each told under one key, however often it was asked. */
async function assertEachHiringOnce(events: readonly DomainEventEnvelope[], hr: HREndpoint): Promise<void> {
  for (let index = 0; index < hirings; index++) {
    const employmentId = employmentOf(`hired-${index}`)
    const about = events.filter(({ aggregateId }) => aggregateId === employmentId)
    const types = about.map(({ eventType }) => eventType)
    assert.deepEqual(types, ['EmploymentStarted', 'HRNotificationRequested', 'HRNotified'])
    const told = hr.requests.filter(({ body }) => body.employmentId === employmentId).map(({ key }) => key)
    assert.deepEqual([...new Set(told)], [`HRNotifier:${about[1]?.eventId}`])
  }
  assert.equal(new Set(hr.keys).size, hirings)
}

async function assertSameViews(servers: string, folders: readonly string[]): Promise<void> {
  const options = { servers: servers.split(',') }
  await using eventStore = await JetStreamEventStore.open(options)
  await using progressStore = await JetStreamProgressStore.open(options)
  await using opened = new AsyncDisposableStack()
  const kept = folders.map((folder) => opened.use(new SqliteViewStore({ path: join(folder, 'nats-views.sqlite') })))
  await assertAllEqualReplay({ eventStore, progressStore }, kept)
}
