/** Live streams whose clients leave at any moment, or do not read: nothing of them is left. */

import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { createHttpApi } from '../index.ts'
import { type Service, serve, startApplication } from '../test-support/fixture.ts'

const limit = { timeout: 60_000 }

function connectTo({ server }: Service): Socket {
  return connect(Number(new URL(server.url).port), '127.0.0.1').on('error', () => undefined)
}

function request(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`
}

/** Awaits a condition on the metrics, which are asked again and again. */
async function metricsShow(service: Service, line: string): Promise<void> {
  while (!(await service.send('/metrics')).text.split('\n').includes(line));
}

/** Everything that keeps the process busy, but for connections of clients that wait to be used again. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
}

test('clients that leave at any moment leave no stream, query, timer or subscription behind', limit, async () => {
  await using service = await serve({ heartbeatMs: 60_000 })
  await service.createPerson('a')
  await service.send('/metrics')
  const before = timers()
  for (let round = 0; round < 5; round++) {
    const leaving = Array.from({ length: 60 }, async (_, index) => {
      const socket = connectTo(service)
      const path = ['/queries/GetPersonById?id=a', '/events', '/queries/GetPersonById?id=a&after=1&wait=1000'][
        index % 3
      ]
      socket.write(request(path ?? ''))
      // Some leave before the request has come, some in the middle of the first answer, some later.
      for (let turn = 0; turn < index; turn++) await new Promise(setImmediate)
      socket.destroy()
    })
    for (let index = 0; index < 20; index++)
      await service.command('ChangeEmail', { aggregateId: 'a', data: { newEmail: `n${round}.${index}@example.org` } })
    await Promise.all(leaving)
  }
  await metricsShow(service, 'cim_event_streams 0')
  while (service.application.watchedQueries > 0) await service.send('/healthz')
  while (timers() > before) await service.send('/healthz')
  assert.deepEqual(service.faults, [])
})

test('a client that does not read is sent no heartbeats meanwhile', limit, async () => {
  const { application } = await startApplication()
  const api = createHttpApi({ application, heartbeatMs: 1 })
  for (const path of ['/events', '/queries/GetPersonById?id=a']) {
    const { body } = await api.request(path, { headers: { accept: 'text/event-stream' } })
    assert.ok(body)
    for (let beat = 0; beat < 50; beat++) await new Promise((resolve) => setTimeout(resolve, 1))
    const reader = body.getReader()
    let text = ''
    // What is ready without a new heartbeat: the first turn of the event loop after the wait.
    const stopped = new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined)))
    for (;;) {
      const read = await Promise.race([reader.read(), stopped])
      if (read?.value === undefined) break
      text += new TextDecoder().decode(read.value)
    }
    await reader.cancel()
    assert.ok(text.split('heartbeat').length - 1 <= 1, text)
  }
})
