import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'node:test'
import { CimError, type Command, type DomainEvent } from '@cim/core'
import type { EmploymentState } from './employment.ts'
import { classifyHRFailure, defineHRNotifier, type HRNotifierOptions } from './hr-notifier.ts'
import { HREndpoint } from './test-support/hr-endpoint.ts'

const terms = { personId: 'ada', organizationId: 'works', role: 'Analyst', startDate: '2026-07-01' }

function eventOf(eventType: string, data: unknown): DomainEvent {
  const place = { aggregateType: 'Employment', aggregateId: 'e-1' as never, sequence: 2, position: 2 }
  const metadata = { correlationId: 'c-1' }
  return { ...place, eventType, data, timestamp: '2026-01-01T00:00:00.000Z', eventId: 'event-1', metadata }
}

/** The reaction without what runs it. */
function notifier(options: HRNotifierOptions, state: Partial<EmploymentState> = {}) {
  const sent: Command[] = []
  const stop = new AbortController()
  const reaction = defineHRNotifier(options, {
    dispatch: async (command) => {
      sent.push(command)
      return undefined as never
    },
    employment: async () => ({ status: 'Started', ...state }),
  })
  const tell = async (eventType: string, data: unknown) => {
    const context = { isReplay: false, idempotencyKey: 'HRNotifier:event-1', signal: stop.signal }
    await reaction.react(eventOf(eventType, data), context)
  }
  const failure = async () => {
    const error = await tell('HRNotificationRequested', terms).then(
      () => assert.fail('The notification should have failed.'),
      (error: unknown) => error,
    )
    assert.ok(error instanceof CimError, String(error))
    return { kind: classifyHRFailure(error), code: error.code, message: error.message }
  }
  return { sent, stop, tell, failure }
}

describe('the notifier of HR', () => {
  test('posts JSON under the idempotency key, and confirms it with an id that stays the same', async (context) => {
    const endpoint = await HREndpoint.open(context)
    const { sent, tell } = notifier(endpoint)
    await tell('HRNotificationRequested', terms)
    await tell('HRNotificationRequested', terms)
    const request = {
      key: 'HRNotifier:event-1',
      body: { notification: 'EmploymentStarted', employmentId: 'e-1', ...terms },
    }
    assert.deepEqual(endpoint.requests, [request, request])
    const [first, second] = sent
    assert.deepEqual(
      [first?.commandType, first?.aggregateId, first?.correlationId],
      ['ConfirmHRNotification', 'e-1', 'c-1'],
    )
    assert.deepEqual(first, second)
  })

  test('tells of the end of those employments that HR knows', async (context) => {
    const endpoint = await HREndpoint.open(context)
    const { sent, tell } = notifier(endpoint)
    const end = { personId: 'ada', organizationId: 'works', endDate: '2026-08-01', reason: 'left' }
    await tell('EmploymentEnded', end)
    await tell('EmploymentEnded', { ...end, isKnownToHR: true })
    assert.deepEqual(
      endpoint.requests.map(({ body }) => body),
      [{ notification: 'EmploymentEnded', employmentId: 'e-1', ...end }],
    )
    assert.deepEqual(sent, [])
  })

  test('sends nothing again that was confirmed', async (context) => {
    const endpoint = await HREndpoint.open(context)
    const { sent, tell } = notifier(endpoint, { hrNotification: 'Confirmed' })
    await tell('HRNotificationRequested', terms)
    assert.deepEqual([endpoint.requests, sent], [[], []])
  })

  test('confirms at once what it has nowhere to send, and shows it', async () => {
    const unsent: object[] = []
    const { sent, tell } = notifier({ onUnsent: (notification) => unsent.push(notification) })
    await tell('HRNotificationRequested', terms)
    assert.deepEqual([unsent.length, sent.length], [1, 1])
  })

  test('tries again whatever will pass, and confirms nothing', async (context) => {
    const endpoint = await HREndpoint.open(context)
    const { sent, failure } = notifier({ url: `${endpoint.url}?secret=1`, timeoutMs: 50 })
    for (const answer of [408, 429, 500, 502, 503, 'nothing'] as const) {
      endpoint.answer = answer
      const { kind, code, message } = await failure()
      assert.deepEqual([kind, code], ['transient', 'hr-unavailable'], `${answer}`)
      assert.ok(message.startsWith(`HR's endpoint ${endpoint.url} `), message)
    }
    assert.deepEqual(sent, [])
  })

  test('tries again when nobody listens', async () => {
    const { kind, code } = await notifier({ url: await closedUrl() }).failure()
    assert.deepEqual([kind, code], ['transient', 'hr-unavailable'])
  })

  test('leaves to an operator what HR refuses, and what leads elsewhere', async (context) => {
    const endpoint = await HREndpoint.open(context)
    const { failure } = notifier(endpoint)
    for (const answer of [301, 308, 400, 401, 404, 410, 422] as const) {
      endpoint.answer = answer
      const { kind, message } = await failure()
      assert.equal(kind, 'permanent')
      assert.match(message, new RegExp(`refused a notification: it answered ${answer}, expected 2xx\\.`))
    }
    assert.equal(endpoint.requests.length, 7)
  })

  test('gives up with the reason of whoever stops it', async (context) => {
    const endpoint = await HREndpoint.open(context, 'nothing')
    const { stop, tell } = notifier(endpoint)
    const telling = tell('HRNotificationRequested', terms)
    await endpoint.reach(1)
    const reason = new Error('The processor stops.')
    stop.abort(reason)
    await assert.rejects(telling, reason)
  })

  test('judges other failures as every processor does', () => {
    assert.equal(classifyHRFailure(new Error('something else')), 'unknown')
  })
})

/** A port that was free a moment ago. */
async function closedUrl(): Promise<string> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `http://127.0.0.1:${port}/`
}
