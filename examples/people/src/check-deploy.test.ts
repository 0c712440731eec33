import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { MemoryViewStore } from '@cim/core'
import { SqliteEventStore } from '@cim/sqlite'
import { createPeopleApplication } from './application.ts'
import { person } from './person.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

async function checkDeploy(
  ...args: readonly string[]
): Promise<{ readonly exitCode: unknown; readonly output: string }> {
  const main = join(import.meta.dirname, 'check-deploy.ts')
  const child = spawn(process.execPath, ['--conditions=@cim/source', main, ...args], { stdio: 'pipe' })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text.toString()))
  const [exitCode] = (await once(child, 'close')) as [unknown]
  return { exitCode, output }
}

test('what the service has stored can be replayed by its own code, and what it does not know is found', async (context) => {
  const path = join(temporaryFolder(context), 'events.sqlite')
  await using eventStore = new SqliteEventStore({ path })
  await using viewStore = new MemoryViewStore()
  await using application = createPeopleApplication({ eventStore, viewStore })
  await application.start()
  const aggregateId = person.id('ada')
  const hiring = { organizationId: 'works', role: 'Analyst', startDate: '2026-07-01' }
  await application.dispatch({ commandType: 'CreatePerson', aggregateId, data: { legalName: 'Ada Lovelace', hiring } })
  await application.dispatch({ commandType: 'ChangeEmail', aggregateId, data: { newEmail: 'ada@example.org' } })
  for (let status: unknown; status !== 'Completed'; await new Promise(setImmediate)) {
    status = ((await application.stateAt('HiringProcess', 'ada')).state as { readonly status: unknown }).status
  }
  await application.stop()
  const fine = await checkDeploy('--events', path)
  assert.equal(fine.exitCode, 0, fine.output)
  assert.match(fine.output, /Replayed \d+ events of 3 aggregates into 3 view documents/)
  const unknown = [{ eventType: 'ShoeSizeSet', eventData: { size: 38 } }]
  await eventStore.appendEvents({ aggregateType: 'Person', aggregateId: 'ada' }, unknown, { expectedVersion: 2 })
  const { exitCode, output } = await checkDeploy('--events', path)
  assert.equal(exitCode, 1, output)
  assert.match(output, /Person\.ShoeSizeSet: events that no definition knows/)
  assert.equal((await checkDeploy('--events', path, '--expect', 'Person.ShoeSizeSet')).exitCode, 0)
  assert.equal((await checkDeploy('--evnts', path)).exitCode, 2)
})
