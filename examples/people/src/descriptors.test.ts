import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, type RequestOptions, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { CommandAcknowledgment } from '@cim/core'
import { createPerson } from './test-support/commands.ts'
import { assertViewsEqualReplay } from './test-support/compare-views.ts'
import { assertNothingLost, startService } from './test-support/importing.ts'
import { seededRandom } from './test-support/synthetic-congress.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

const rounds = Number(process.env.CIM_ROUNDS ?? 3)
const seed = Number(process.env.CIM_SEED ?? Date.now() % 1_000_000_000)
const mostDescriptors = 120
const launcher = ['sh', '-c', `ulimit -n ${mostDescriptors} && exec "$@"`, 'sh']

test(`the service outlasts that it has no more file descriptors, ${rounds} times`, async (context) => {
  if (process.platform === 'win32') return context.skip('this system has no such limit')
  context.diagnostic(`CIM_SEED=${seed} repeats these crowds`)
  const random = seededRandom(seed)
  const dataFolder = temporaryFolder(context)
  const service = await startService(context, { dataFolder, launcher })
  // One connection, made while there was room for it, as a pool of a proxy has.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  context.after(() => agent.destroy())
  const acknowledged: CommandAcknowledgment[] = []
  const create = async (through: Agent | false): Promise<void> => {
    const commandId = crypto.randomUUID()
    const { aggregateId, data } = createPerson(commandId, 'Ada Lovelace')
    const headers = { 'content-type': 'application/json', 'idempotency-key': commandId }
    const options = { method: 'POST', headers, agent: through }
    const answer = await send(`${service.url}/commands/CreatePerson`, options, JSON.stringify({ aggregateId, data }))
    assert.equal(answer.status, 200, answer.text)
    acknowledged.push(JSON.parse(answer.text) as CommandAcknowledgment)
  }
  await create(agent)
  for (let round = 0; round < rounds; round++) {
    const crowd = await crowdOf(mostDescriptors + Math.floor(random() * 100), service.port)
    for (let number = 0; number < 20; number++) await create(agent)
    // The views are there, too: a query waits for what was just written.
    const { aggregateId, position } = acknowledged.at(-1) ?? {}
    const query = `/queries/GetPersonById?personId=${aggregateId}&after=${position}`
    const seen = await send(service.url + query, { agent })
    assert.equal(seen.status, 200, seen.text)
    await assert.rejects(create(false), { code: 'ECONNRESET' }, 'whoever comes too many is told at once')
    for (const socket of crowd) socket.destroy()
    await untilItConnects(() => create(false))
    for (let number = 0; number < 5; number++) await create(false)
  }
  assert.equal(await service.end('SIGTERM'), 0)
  assert.equal(await assertNothingLost(dataFolder, acknowledged), acknowledged.length)
  await assertViewsEqualReplay(dataFolder, ['HiringView', 'EmploymentView', 'OrganizationView'])
})

/** The service needs a moment to notice that connections have ended. */
async function untilItConnects(connecting: () => Promise<void>): Promise<void> {
  for (const begun = performance.now(); ; await delay(20)) {
    try {
      return await connecting()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET' || performance.now() - begun > 10_000) throw error
    }
  }
}

/** More than the service can have. Those that it has no descriptor for are closed. */
async function crowdOf(size: number, port: number): Promise<readonly Socket[]> {
  const crowd = Array.from({ length: size }, () => connect(port, '127.0.0.1').on('error', () => undefined))
  await Promise.all(crowd.map((socket) => once(socket, 'connect').catch(() => undefined)))
  return crowd
}

function send(url: string, options: RequestOptions, body = '') {
  const { promise, resolve, reject } = Promise.withResolvers<{ readonly status: number; readonly text: string }>()
  const sent = request(url, { ...options, timeout: 10_000 }, (answer) => {
    let text = ''
    answer.on('data', (part: Buffer) => {
      text += part.toString()
    })
    answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
  })
  sent.on('error', reject)
  sent.on('timeout', () => sent.destroy(new Error('The service does not answer.')))
  sent.end(body)
  return promise
}
