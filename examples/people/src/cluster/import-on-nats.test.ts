// `npm run import` against a service whose events are on NATS.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { SqliteViewStore } from '@cim/sqlite'
import { projections } from '../definitions.ts'
import { readCongressData } from '../import-congress/congress-data.ts'
import { importCongress } from '../import-congress/import-congress.ts'
import { startNatsServer } from '../test-support/nats-servers.ts'
import { PeopleInMemory } from '../test-support/people-in-memory.ts'
import { ServiceProcess } from '../test-support/service-process.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

const run = promisify(execFile)
const importer = join(import.meta.dirname, '../import-congress/main.ts')
const fixture = join(import.meta.dirname, '../import-congress/fixture')

test('an import gives the same views as without NATS, and adds nothing the second time', async (context) => {
  await using people = await PeopleInMemory.start()
  const { accepted } = await importCongress(people.application, readCongressData(fixture))
  await people.seeEverything()

  const server = await startNatsServer(context)
  const dataFolder = temporaryFolder(context)
  await using service = await ServiceProcess.start({ dataFolder, args: ['--nats', server.url, '--nats-prefix', 'hr'] })
  assert.match(await importInto(service), new RegExp(`^${accepted} accepted, 0 repeated, 0 refused, `, 'm'))
  assert.match(await importInto(service), new RegExp(`^0 accepted, ${accepted} repeated, 0 refused, `, 'm'))
  await everythingSeen(service)
  assert.equal(await service.end('SIGTERM'), 0)

  await using kept = new SqliteViewStore({ path: join(dataFolder, 'nats-views.sqlite') })
  for (const view of projections) {
    await kept.openView(view)
    assert.deepEqual(await kept.count(view), await people.application.viewStore.count(view), view.viewName)
  }
})

async function importInto({ url }: ServiceProcess): Promise<string> {
  const args = ['--conditions=@cim/source', importer, '--from', fixture, '--url', url]
  return (await run(process.execPath, args)).stdout
}

async function everythingSeen({ url }: ServiceProcess): Promise<void> {
  for (let waited = 0; waited < 20_000; waited += 50) {
    const { processors } = (await (await fetch(`${url}/admin/processors`)).json()) as {
      readonly processors: readonly { readonly lagEvents?: number }[]
    }
    if (processors.every(({ lagEvents }) => lagEvents === 0)) return
    await delay(50)
  }
  throw new Error('The views should have seen everything after 20 seconds.')
}
