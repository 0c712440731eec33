import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { congressCommands, defaultMembershipsSince } from './import-congress/congress-commands.ts'
import { assertViewsEqualReplay } from './test-support/compare-views.ts'
import { Acknowledgments, assertNothingLost, importOver, startService } from './test-support/importing.ts'
import { seededRandom, syntheticCongress } from './test-support/synthetic-congress.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

const deaths = Number(process.env.CIM_KILLS ?? 2)
const seed = Number(process.env.CIM_SEED ?? Date.now() % 1_000_000_000)
const nodeArgs = ['--max-old-space-size=64', '--import', join(import.meta.dirname, 'test-support/leak-memory.ts')]

test(`an import survives that the service runs out of memory ${deaths} times, and so does all that it acknowledged`, async (context) => {
  context.diagnostic(`CIM_SEED=${seed} repeats the pace of these leaks`)
  const random = seededRandom(seed)
  const chains = congressCommands(syntheticCongress(400, random), { membershipsSince: defaultMembershipsSince })
  const total = chains.reduce((sum, chain) => sum + chain.length, 0)
  const dataFolder = temporaryFolder(context)
  const acknowledgments = new Acknowledgments()

  let service = await startService(context, { dataFolder, nodeArgs })
  const { url, port } = service
  const importing = importOver(url, chains, acknowledgments)
  for (let died = 0; died < deaths; died++) {
    await Promise.race([acknowledgments.reach(acknowledgments.all.length + 1), importing])
    service.child.send(500 + Math.floor(random() * 4000))
    assert.equal(await service.exited, null, 'a signal ends it')
    assert.match(service.said, /heap out of memory/)
    context.diagnostic(`${acknowledgments.all.length} of ${total} commands were acknowledged before it died`)
    await assertNothingLost(dataFolder, acknowledgments.all)
    service = await startService(context, { dataFolder, port, ...(died + 1 < deaths && { nodeArgs }) })
  }
  assert.deepEqual(await importing, { accepted: total, repeated: 0, refusals: [], skipped: 0 })

  assert.equal(await service.end('SIGTERM'), 0)
  assert.equal(await assertNothingLost(dataFolder, acknowledgments.all), total)
  await assertViewsEqualReplay(dataFolder, ['HiringView'])
})
