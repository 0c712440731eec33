import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type CommandAcknowledgment, type DomainEventEnvelope, Signal } from '@cim/core'
import { SqliteEventStore } from '@cim/sqlite'
import { CommandClient } from './import-congress/command-client.ts'
import { type CommandChain, congressCommands, defaultMembershipsSince } from './import-congress/congress-commands.ts'
import { readCongressData } from './import-congress/congress-data.ts'
import { sendChains } from './import-congress/send-chains.ts'
import { assertViewsEqualReplay } from './test-support/compare-views.ts'
import { ServiceProcess } from './test-support/service-process.ts'
import { seededRandom, syntheticCongress } from './test-support/synthetic-congress.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

const kills = Number(process.env.CIM_KILLS ?? 5)
const seed = Number(process.env.CIM_SEED ?? Date.now() % 1_000_000_000)
const realData = process.env.CIM_CONGRESS_DATA ?? join(import.meta.dirname, '../../../../shared/data/congress')
const syntheticPeople = 600

/** What the service has acknowledged so far. */
class Acknowledgments {
  readonly all: CommandAcknowledgment[] = []
  readonly #added = new Signal()

  add(acknowledgment: CommandAcknowledgment): void {
    this.all.push(acknowledgment)
    this.#added.notify()
  }

  async reach(count: number): Promise<void> {
    while (this.all.length < count) await this.#added.wait(this.#added.count, { timeoutMs: 60_000 })
  }
}

test(`an import survives ${kills} kills of the service at random moments, and so does all that it acknowledged`, async (context) => {
  context.diagnostic(`CIM_SEED=${seed} repeats the moments of these kills`)
  const random = seededRandom(seed)
  const isReal = existsSync(realData)
  const data = isReal ? readCongressData(realData) : syntheticCongress(syntheticPeople, random)
  const chains = congressCommands(data, { membershipsSince: defaultMembershipsSince })
  const total = chains.reduce((sum, chain) => sum + chain.length, 0)
  const dataFolder = temporaryFolder(context)
  const acknowledgments = new Acknowledgments()

  let service = await startService(context, dataFolder)
  const { url, port } = service
  const importing = importOver(url, chains, acknowledgments)
  const startedAt = performance.now()
  for (let left = kills; left > 0; left--) {
    const remaining = total - acknowledgments.all.length
    const further = 1 + Math.floor((random() * 2 * remaining) / (left + 1))
    await Promise.race([acknowledgments.reach(total - remaining + further), importing])
    await delay(random() * 20)
    assert.equal(await service.end('SIGKILL'), null)
    await assertNothingLost(dataFolder, acknowledgments.all)
    service = await startService(context, dataFolder, port)
  }
  const summary = await importing
  const seconds = (performance.now() - startedAt) / 1000
  const source = isReal ? 'real' : 'synthetic'
  context.diagnostic(`${total} commands of ${source} data and ${kills} kills took ${seconds.toFixed(1)} s`)
  assert.deepEqual(summary, { accepted: total, repeated: 0, refusals: [], skipped: 0 })

  await service.end('SIGTERM')
  assert.equal(await assertNothingLost(dataFolder, acknowledgments.all), total)
  await assertViewsEqualReplay(dataFolder, ['HiringView'])

  service = await startService(context, dataFolder, port)
  const again = await importOver(url, chains, new Acknowledgments())
  assert.deepEqual(again, { accepted: 0, repeated: total, refusals: [], skipped: 0 })
  await service.end('SIGTERM')
  assert.equal(await assertNothingLost(dataFolder, acknowledgments.all), total)
})

async function startService(context: TestContext, dataFolder: string, port = 0): Promise<ServiceProcess> {
  const service = await ServiceProcess.start({ dataFolder, port })
  context.after(() => service.end('SIGKILL'))
  return service
}

async function importOver(url: string, chains: readonly CommandChain[], acknowledgments: Acknowledgments) {
  const client = new CommandClient({ url })
  const headBefore = await client.headPosition()
  return sendChains(chains, (command, signal) => client.send(command, signal), {
    headBefore,
    onAcknowledgment: (_, acknowledgment) => acknowledgments.add(acknowledgment),
  })
}

/**
 * Looks into the file that the killed service has left.
 * @returns how many events there are
 */
async function assertNothingLost(dataFolder: string, acknowledged: readonly CommandAcknowledgment[]): Promise<number> {
  await using eventStore = new SqliteEventStore({ path: join(dataFolder, 'events.sqlite') })
  const versions = new Map<string, number>()
  const byCommand = new Map<string | undefined, DomainEventEnvelope>()
  let count = 0
  let lastPosition = 0
  for (let isEnd = false; !isEnd; ) {
    const page = await eventStore.readEvents({ afterPosition: lastPosition, limit: 10_000 })
    for (const event of page.events) {
      const version = versions.get(event.aggregateId) ?? 0
      assert.equal(event.sequence, version + 1, `${event.aggregateId} has a gap or a duplicate after ${version}`)
      assert.ok(event.position > lastPosition, `position ${event.position} comes after ${lastPosition}`)
      assert.ok(!byCommand.has(event.metadata.commandId), `${event.metadata.commandId} happened twice`)
      versions.set(event.aggregateId, event.sequence)
      byCommand.set(event.metadata.commandId, event)
      lastPosition = event.position
    }
    count += page.events.length
    isEnd = page.isEnd
  }
  for (const { status, commandId, aggregateId, version, position, timestamp } of acknowledged) {
    const event = byCommand.get(commandId)
    assert.ok(event !== undefined, `${commandId} was acknowledged and is lost`)
    const stored = [event.aggregateId, event.sequence, event.position, event.timestamp]
    assert.deepEqual(['Accepted', ...stored], [status, aggregateId, version, position, timestamp])
  }
  return count
}
