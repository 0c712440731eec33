import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { type Service, serve } from './test-support/fixture.ts'

const limit = { timeout: 30_000 }

function connectTo({ server }: Service): Socket {
  return connect(Number(new URL(server.url).port), '127.0.0.1').on('error', () => undefined)
}

function get(path: string, headers = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`
}

const stream = 'Accept: text/event-stream\r\n'

async function metricsShow(service: Service, line: string): Promise<void> {
  while (!(await service.send('/metrics')).text.split('\n').includes(line));
}

async function read(socket: Socket, count: number): Promise<readonly string[]> {
  let text = ''
  for await (const chunk of socket) {
    text += chunk
    const answers = text.split(/(?=HTTP\/1\.1 )/)
    if (answers.length >= count && text.endsWith('}')) return answers
  }
  return text.split(/(?=HTTP\/1\.1 )/)
}

describe('requests that are sent before the answers to those before them', () => {
  test('are answered in their order', limit, async () => {
    await using service = await serve()
    const socket = connectTo(service)
    const ids = Array.from({ length: 50 }, (_, index) => `p${index}`)
    const commands = ids.map((aggregateId) => {
      const body = JSON.stringify({ aggregateId, data: { legalName: aggregateId } })
      return `POST /commands/CreatePerson HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    })
    socket.write(commands.join(''))
    const answers = await read(socket, ids.length)
    assert.deepEqual(
      answers.map((answer) => /"aggregateId":"([^"]+)"/.exec(answer)?.[1]),
      ids,
    )
    socket.destroy()
  })

  for (const path of ['/events', '/queries/GetPersonById?id=a']) {
    test(`free their streams when their client leaves: ${path}`, limit, async () => {
      await using service = await serve()
      const socket = connectTo(service)
      socket.write(get(path, stream).repeat(20))
      await metricsShow(service, 'cim_event_streams 20')
      socket.destroy()
      await metricsShow(service, 'cim_event_streams 0')
      assert.equal(service.application.watchedQueries, 0)
    })
  }

  test('may be a hundred; whoever sends more is cut off, and nothing more is done', limit, async () => {
    await using service = await serve()
    const waiting = get('/queries/GetPersonById?id=ada&after=9&wait=30000')
    const body = JSON.stringify({ aggregateId: 'ada', data: { legalName: 'Ada' } })
    const command = `POST /commands/CreatePerson HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    const patient = connectTo(service)
    patient.write(get('/healthz').repeat(100))
    assert.equal((await read(patient, 100)).length, 100)
    const greedy = connectTo(service)
    greedy.write(waiting.repeat(100) + command.repeat(10))
    assert.deepEqual(await read(greedy, 1), [''])
    assert.equal((await service.send('/aggregates/Person/ada')).status, 404)
  })
})
