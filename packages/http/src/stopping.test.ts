/** What comes of requests that are under way, or come in, while the service stops. */

import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { type Service, serve } from './test-support/fixture.ts'

const limit = { timeout: 20_000 }
/** So long that a test fails which only ends because of it. */
const stopTimeoutMs = 60_000
const accept = 'text/event-stream'

/** Waits until what was sent before has been looked at. */
async function arrived(service: Service): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await service.send('/healthz')
}

describe('a service that stops', () => {
  for (const headers of [{}, { accept }]) {
    const kind = 'accept' in headers ? 'a live query' : 'a query'
    test(`refuses ${kind} that waits for a position`, limit, async () => {
      await using service = await serve({ stopTimeoutMs })
      await service.createPerson('a')
      await service.application.processing.pause('PersonView@1')
      await service.createPerson('b')
      const answering = service.send('/queries/GetPersonById?id=b&after=2&wait=30000', { headers })
      await arrived(service)
      await service.server.stop()
      const { status, json } = await answering
      assert.deepEqual([status, json.code], [503, 'stopping'])
      assert.equal(service.application.watchedQueries, 0)
    })
  }

  test('opens no live stream any more', limit, async () => {
    let waiting = 0
    const asked = Promise.withResolvers<void>()
    const told = Promise.withResolvers<void>()
    const authenticate = async (request: Request) => {
      if (request.headers.get('accept') !== accept) return {}
      if (++waiting === 2) asked.resolve()
      await told.promise
      return {}
    }
    await using service = await serve({ stopTimeoutMs, authenticate })
    const paths = ['/events', '/queries/GetPersonById?id=a']
    const answering = paths.map((path) => service.send(path, { headers: { accept } }))
    await asked.promise
    const stopped = service.server.stop()
    told.resolve()
    for (const { status, json } of await Promise.all(answering)) {
      assert.deepEqual([status, json.code], [503, 'stopping'])
    }
    await stopped
  })

  test('answers each command or refuses it, and has stored whatever it acknowledged', limit, async () => {
    await using service = await serve({ stopTimeoutMs })
    const acknowledged: string[] = []
    let refused = 0
    let count = 0
    let isStopped = false
    const send = async (): Promise<void> => {
      while (!isStopped) {
        const aggregateId = `p${count++}`
        try {
          const { status, json } = await service.command('CreatePerson', { aggregateId, data: { legalName: 'Ada' } })
          if (status === 200) acknowledged.push(json.aggregateId)
          else if (status === 503 && json.code === 'stopping') refused++
          else assert.fail(`${status} ${json.code}`)
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error
          // The connection was refused or closed before the answer began.
          refused++
        }
      }
    }
    const senders = Promise.all(Array.from({ length: 20 }, send))
    while (acknowledged.length < 100) await arrived(service)
    await service.server.stop()
    isStopped = true
    await senders
    assert.ok(refused > 0)
    for (const id of acknowledged) {
      assert.equal((await service.eventStore.loadEvents({ aggregateType: 'Person', aggregateId: id })).length, 1)
    }
    assert.deepEqual(service.faults, [])
  })

  test('is not held up by a body that never ends', limit, async () => {
    await using service = await serve({ stopTimeoutMs: 100 })
    const port = Number(new URL(service.server.url).port)
    const socket = connect(port, '127.0.0.1').on('error', () => undefined)
    socket.write(
      'POST /commands/CreatePerson HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n',
    )
    await arrived(service)
    await service.server.stop()
    assert.deepEqual(service.faults, [])
  })
})
