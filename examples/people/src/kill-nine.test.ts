import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { congressCommands, defaultMembershipsSince } from './import-congress/congress-commands.ts'
import { readCongressData } from './import-congress/congress-data.ts'
import { assertViewsEqualReplay } from './test-support/compare-views.ts'
import { Acknowledgments, assertNothingLost, importOver, startService } from './test-support/importing.ts'
import { seededRandom, syntheticCongress } from './test-support/synthetic-congress.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

const kills = Number(process.env.CIM_KILLS ?? 5)
const seed = Number(process.env.CIM_SEED ?? Date.now() % 1_000_000_000)
const realData = process.env.CIM_CONGRESS_DATA ?? join(import.meta.dirname, '../../../../shared/data/congress')
const syntheticPeople = 600

test(`an import survives ${kills} kills of the service at random moments, and so does all that it acknowledged`, async (context) => {
  context.diagnostic(`CIM_SEED=${seed} repeats the moments of these kills`)
  const random = seededRandom(seed)
  const isReal = existsSync(realData)
  const data = isReal ? readCongressData(realData) : syntheticCongress(syntheticPeople, random)
  const chains = congressCommands(data, { membershipsSince: defaultMembershipsSince })
  const total = chains.reduce((sum, chain) => sum + chain.length, 0)
  const dataFolder = temporaryFolder(context)
  const acknowledgments = new Acknowledgments()

  let service = await startService(context, { dataFolder })
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
    service = await startService(context, { dataFolder, port })
  }
  const summary = await importing
  const seconds = (performance.now() - startedAt) / 1000
  const source = isReal ? 'real' : 'synthetic'
  context.diagnostic(`${total} commands of ${source} data and ${kills} kills took ${seconds.toFixed(1)} s`)
  assert.deepEqual(summary, { accepted: total, repeated: 0, refusals: [], skipped: 0 })

  await service.end('SIGTERM')
  assert.equal(await assertNothingLost(dataFolder, acknowledgments.all), total)
  await assertViewsEqualReplay(dataFolder, ['HiringView'])

  service = await startService(context, { dataFolder, port })
  const again = await importOver(url, chains, new Acknowledgments())
  assert.deepEqual(again, { accepted: 0, repeated: total, refusals: [], skipped: 0 })
  await service.end('SIGTERM')
  assert.equal(await assertNothingLost(dataFolder, acknowledgments.all), total)
})
