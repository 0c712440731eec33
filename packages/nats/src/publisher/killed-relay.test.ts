import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { test } from 'node:test'
import type { DomainEventEnvelope } from '@cim/core'
import { SqliteEventStore } from '@cim/sqlite'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { startNatsServer } from '../test-support/nats-server.ts'
import type { RelayOptions } from '../test-support/relay-process.ts'
import { decodeEventMessage } from '../wire/event-codecs.ts'

/** @param killAfter how many batches are published before the process is killed; undefined: it ends by itself */
async function runRelay(options: RelayOptions, killAfter?: number): Promise<number | null> {
  const program = join(import.meta.dirname, '../test-support/relay-process.ts')
  const child = spawn(execPath, ['--conditions=@cim/source', program, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let batches = 0
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    batches += text.split('\n').length - 1
    if (killAfter !== undefined && batches >= killAfter) child.kill('SIGKILL')
  })
  const [code] = (await once(child, 'exit')) as [number | null]
  return code
}

test('a relay that is killed again and again loses no event, and changes no order', {
  timeout: 120_000,
}, async (context) => {
  await using server = await startNatsServer()
  const folder = mkdtempSync(join(tmpdir(), 'cim-relay-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const connection = await connect({ servers: server.url })
  context.after(() => connection.close())
  const { streams } = await jetstreamManager(connection)
  // Repeats are not kept out: they must be recognisable.
  await streams.add({ name: 'RELAY', subjects: ['relay.events.>'], duplicate_window: 100_000_000 })
  const options = { url: server.url, folder, subjectPrefix: 'relay', appends: 200 }
  const seed = Math.floor(Math.random() * 1000)
  for (let round = 0; round < 6; round++) {
    const code = await runRelay(options, 1 + ((seed + round * 7) % 11))
    assert.equal(code, null, `it ended before it was killed (seed ${seed})`)
  }
  assert.equal(await runRelay({ ...options, appends: 0 }), 0)

  const eventStore = new SqliteEventStore({ path: join(folder, 'events.db') })
  const stored: DomainEventEnvelope[] = []
  for (let position = 0, isEnd = false; !isEnd; ) {
    const page = await eventStore.readEvents({ afterPosition: position })
    stored.push(...page.events)
    position = page.position
    isEnd = page.isEnd
  }
  await eventStore.close()
  const published = new Map<string, DomainEventEnvelope>()
  const { messages } = (await streams.info('RELAY')).state
  for (let seq = 1; seq <= messages; seq++) {
    const message = await streams.getMessage('RELAY', { seq })
    assert.ok(message)
    const event = decodeEventMessage({ body: message.data })
    if (!published.has(event.eventId)) published.set(event.eventId, event)
  }
  const byAggregate = (events: Iterable<DomainEventEnvelope>) => Map.groupBy(events, ({ aggregateId }) => aggregateId)
  const expected = byAggregate(stored)
  const actual = byAggregate(published.values())
  assert.equal(actual.size, 10)
  for (const [aggregateId, events] of expected) assert.deepEqual(actual.get(aggregateId), events, `seed ${seed}`)
  context.diagnostic(`${stored.length} events, ${messages} messages, seed ${seed}`)
})
