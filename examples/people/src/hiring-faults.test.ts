import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { DomainEventEnvelope } from '@cim/core'
import { SqliteEventStore, SqliteViewStore } from '@cim/sqlite'
import { createPeopleApplication } from './application.ts'
import { employmentOf } from './hiring-process.ts'
import { type CrowdOptions, crowdPersonId, fateOf } from './test-support/hiring-crowd.ts'
import { HREndpoint } from './test-support/hr-endpoint.ts'
import { seededRandom } from './test-support/synthetic-congress.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

const persons = Number(process.env.CIM_HIRINGS ?? 1000)
const kills = Number(process.env.CIM_KILLS ?? 10)
const seed = Number(process.env.CIM_SEED ?? Date.now() % 1_000_000_000)
const crowd = join(import.meta.dirname, 'test-support/hiring-crowd.ts')

test(`${persons} hirings end, whoever is refused or fails, though their process is killed ${kills} times`, async (context) => {
  context.diagnostic(`CIM_SEED=${seed} repeats the moments of these kills`)
  const random = seededRandom(seed)
  const folder = temporaryFolder(context)
  const hr = await HREndpoint.open(context, () => {
    const luck = random()
    return luck < 0.01 ? 503 : luck < 0.015 ? 'lost' : 204
  })
  const options = { folder, hrUrl: hr.url, persons }
  let hired = 0
  const startedAt = performance.now()
  for (let kill = 1; kill <= kills; kill++) {
    const process = new CrowdProcess(context, { ...options, hired, isMended: false })
    // The next part of the hirings, and then some time in which sagas go on.
    const target = Math.floor((kill * persons) / kills)
    await process.untilHired(target)
    await delay(random() * 300)
    await process.kill()
    hired = Math.max(hired, process.hired)
  }
  const last = new CrowdProcess(context, { ...options, hired, isMended: true })
  await last.ended()
  context.diagnostic(
    `took ${((performance.now() - startedAt) / 1000).toFixed(1)} s; HR was told ${hr.keys.length} times`,
  )
  await assertEachHiringEnded(folder, hr)
})

async function assertEachHiringEnded(folder: string, hr: HREndpoint): Promise<void> {
  await using eventStore = new SqliteEventStore({ path: join(folder, 'events.sqlite') })
  await using viewStore = new SqliteViewStore({ path: join(folder, 'views.sqlite') })
  await using application = createPeopleApplication({ eventStore, viewStore })
  assert.deepEqual((await eventStore.verify()).problems, [])
  const events = await eventsByAggregate(eventStore)
  const told = new Set(hr.requests.map(({ key, body }) => `${key} ${JSON.stringify(body)}`))
  assert.equal(told.size, new Set(hr.keys).size, 'one key is always about the same')
  const notified = new Set(hr.requests.map(({ body }) => body.employmentId))
  for (let index = 0; index < persons; index++) {
    const [personId, fate] = [crowdPersonId(index), fateOf(index)]
    const saga = await application.stateAt('HiringProcess', personId)
    const { status, pendingCommands } = saga.state as { status: string; pendingCommands: unknown[] }
    const employment = events.get(`Employment ${employmentOf(personId)}`) ?? []
    const person = events.get(`Person ${personId}`) ?? []
    const about = `person ${index}, ${fate}: ${employment} / ${person}`
    assert.deepEqual(pendingCommands, [], about)
    assertOnce(employment, about)
    assertOnce(person, about)
    const isNotified = notified.has(employmentOf(personId))
    if (fate === 'refused') {
      assert.equal(status, 'Failed', about)
      assert.deepEqual([employment, person], [['EmploymentStarted'], ['PersonCreated', 'PersonInformed']], about)
      assert.ok(!isNotified, about)
    } else if (status === 'Failed') {
      assert.equal(fate, 'dissolved', about)
      assert.ok(employment.includes('EmploymentEnded') && person.includes('PersonInformed'), about)
    } else {
      assert.equal(status, 'Completed', about)
      assert.deepEqual(employment, ['EmploymentStarted', 'HRNotificationRequested', 'HRNotified'], about)
      assert.deepEqual(person, ['PersonCreated'], about)
      assert.ok(isNotified, about)
    }
  }
}

function assertOnce(eventTypes: readonly string[], about: string): void {
  assert.equal(new Set(eventTypes).size, eventTypes.length, `something happened twice: ${about}`)
}

async function eventsByAggregate(eventStore: SqliteEventStore): Promise<ReadonlyMap<string, readonly string[]>> {
  const types = new Map<string, string[]>()
  const commands = new Map<string, DomainEventEnvelope>()
  for (let afterPosition = 0; ; ) {
    const page = await eventStore.readEvents({ afterPosition, limit: 10_000 })
    for (const event of page.events) {
      const key = `${event.aggregateType} ${event.aggregateId}`
      types.set(key, [...(types.get(key) ?? []), event.eventType])
      const { commandId } = event.metadata
      if (commandId === undefined || event.aggregateType === 'HiringProcess') continue
      assert.equal(commands.get(`${key} ${commandId}`), undefined, `${commandId} was executed twice on ${key}`)
      commands.set(`${key} ${commandId}`, event)
    }
    if (page.isEnd) return types
    afterPosition = page.position
  }
}

/** The process that hires. */
class CrowdProcess {
  readonly #child: ChildProcess
  readonly #exit: Promise<number | null>
  #hired = 0
  #errors = ''
  #heard = Promise.withResolvers<void>()

  constructor(context: TestContext, options: CrowdOptions) {
    this.#child = spawn(process.execPath, ['--conditions=@cim/source', crowd, JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    context.after(() => this.#child.kill('SIGKILL'))
    this.#exit = once(this.#child, 'close').then(([code]) => code as number | null)
    if (this.#child.stdout !== null) {
      createInterface({ input: this.#child.stdout }).on('line', (line) => {
        this.#hired = Number(/^hired (\d+)$/.exec(line)?.[1] ?? this.#hired)
        this.#heard.resolve()
        this.#heard = Promise.withResolvers()
      })
    }
    this.#child.stderr?.on('data', (text: Buffer) => {
      this.#errors += text.toString()
    })
  }

  get hired(): number {
    return this.#hired
  }

  async untilHired(count: number): Promise<void> {
    while (this.#hired < count) {
      const code = await Promise.race([this.#exit, this.#heard.promise.then(() => 'heard' as const)])
      if (code !== 'heard') throw new Error(`The process ended with exit code ${code}: ${this.#errors}`)
    }
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exit
  }

  async ended(): Promise<void> {
    const code = await this.#exit
    assert.equal(code, 0, this.#errors)
  }
}
