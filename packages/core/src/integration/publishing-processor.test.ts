import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Application } from '../application/application.ts'
import { ProcessorRunner } from '../event-processing/processor-runner.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemoryProgressStore } from '../memory/memory-progress-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import { account, accountDefinition, appendDeposits, errorOf } from '../sample-account.test.ts'
import { type EventPublisher, UnpublishableEventsError } from './event-publisher.ts'
import { definePublication } from './publication.ts'
import { PublishingProcessor } from './publishing-processor.ts'

/** Publishes into an array. */
function open(publish: EventPublisher['publish'] = async () => undefined, startAt?: 'now' | number) {
  const published: string[] = []
  const to: EventPublisher = {
    async publish(events, options) {
      await publish(events, options)
      published.push(...events.map(nameOf))
    },
  }
  const publication = definePublication('ToOthers', {
    from: [account],
    to,
    ...(startAt === undefined ? undefined : { startAt }),
  })
  return { published, publication, eventStore: new MemoryEventStore(), progressStore: new MemoryProgressStore() }
}

function nameOf({ aggregateId, sequence }: DomainEventEnvelope): string {
  return `${aggregateId}:${sequence}`
}

function runnerOf({ publication, eventStore, progressStore }: ReturnType<typeof open>, more: object = {}) {
  const processor = new PublishingProcessor(publication, progressStore)
  const failures = { retryDelay: { firstMs: 0, mostMs: 0 } }
  return new ProcessorRunner({ eventStore, processor, failures, startAt: publication.startAt, ...more })
}

async function runOnce(it: ReturnType<typeof open>, more?: object): Promise<void> {
  const runner = runnerOf(it, more)
  await runner.start()
  await runner.drain()
  await runner.stop()
}

describe('a publication', () => {
  test('publishes everything from the beginning, and goes on where it stopped', async () => {
    const it = open()
    await appendDeposits(it.eventStore, 'a-1', 1, 2)
    await runOnce(it)
    await appendDeposits(it.eventStore, 'a-1', 3)
    await it.eventStore.appendEvents(
      { aggregateType: 'Secret', aggregateId: 's' },
      [{ eventType: 'Kept', eventData: 1 }],
      {
        expectedVersion: 0,
      },
    )
    await runOnce(it)
    assert.deepEqual(it.published, ['a-1:1', 'a-1:2', 'a-1:3'])
  })

  test('begins with what comes when it is told to', async () => {
    const it = open(undefined, 'now')
    await appendDeposits(it.eventStore, 'a-1', 1)
    const runner = runnerOf(it)
    await runner.start()
    await appendDeposits(it.eventStore, 'a-1', 2)
    await runner.drain()
    await runner.stop()
    assert.deepEqual(it.published, ['a-1:2'])
  })

  test('comes again with all of a batch of which it is not known what became', async () => {
    let attempts = 0
    const it = open(async () => {
      if (++attempts < 3) throw new Error('The connection is lost.')
    })
    await appendDeposits(it.eventStore, 'a-1', 1, 2)
    await runOnce(it)
    assert.deepEqual([attempts, it.published], [3, ['a-1:1', 'a-1:2']])
  })

  test('parks what can never be published, with the events of that aggregate behind it, and publishes all others', async () => {
    let isBroken = true
    const taken: string[] = []
    const it = open(async (events) => {
      const failures = events
        .filter(({ aggregateId }) => isBroken && aggregateId === 'a-1')
        .slice(0, 1)
        .map((event) => ({ event, error: new TypeError('It is too large.') }))
      taken.push(...events.filter(({ aggregateId }) => !isBroken || aggregateId !== 'a-1').map(nameOf))
      if (failures.length > 0) throw new UnpublishableEventsError(failures)
    })
    await appendDeposits(it.eventStore, 'a-1', 1, 2)
    await appendDeposits(it.eventStore, 'a-2', 1)
    await runOnce(it, { failures: { classify: () => 'permanent' } })
    assert.deepEqual(taken, ['a-2:1'])
    const { sequences } = await it.progressStore.listDeadLetters('ToOthers')
    assert.deepEqual(
      sequences.map(({ aggregateId, failure, fromSequence, toSequence }) => [
        aggregateId,
        failure.message,
        fromSequence,
        toSequence,
      ]),
      [['a-1', 'It is too large.', 1, 2]],
    )
    isBroken = false
    await it.progressStore.retryDeadLetters('ToOthers', {}, 0)
    const again = runnerOf(it)
    await again.start()
    while (taken.length < 3) await new Promise(setImmediate)
    await again.stop()
    assert.deepEqual(taken, ['a-2:1', 'a-1:1', 'a-1:2'])
  })

  test('that is stopped while it publishes publishes the same again later, and nothing is taken for a failure', async () => {
    const errors: unknown[] = []
    const begun = Promise.withResolvers<void>()
    let isFirst = true
    const it = open(async (_, options) => {
      if (!isFirst) return
      isFirst = false
      begun.resolve()
      const aborted = Promise.withResolvers<never>()
      options?.signal?.addEventListener('abort', () => aborted.reject(new Error('No acknowledgment came.')))
      await aborted.promise
    })
    await appendDeposits(it.eventStore, 'a-1', 1)
    const runner = runnerOf(it, { onError: (error: unknown) => errors.push(error) })
    await runner.start()
    await begun.promise
    await runner.stop()
    assert.deepEqual([errors, it.published], [[], []])
    await runOnce(it)
    assert.deepEqual(it.published, ['a-1:1'])
  })

  test('publishes nothing a second time when its progress is moved back', async () => {
    const it = open()
    await appendDeposits(it.eventStore, 'a-1', 1, 2)
    await runOnce(it)
    await it.progressStore.moveProgress('ToOthers', 0, 0)
    await appendDeposits(it.eventStore, 'a-1', 3)
    await runOnce(it)
    assert.deepEqual(it.published, ['a-1:1', 'a-1:2', 'a-1:3'])
  })

  test('needs a name and a source', async () => {
    const to = { publish: async () => undefined }
    for (const define of [
      () => definePublication('To others', { from: [account], to }),
      () => definePublication('ToOthers', { from: [], to }),
    ]) {
      assert.throws(define, { code: 'invalid-definition' })
    }
    const wrong = { from: [account], to, startAt: -1 }
    assert.throws(() => definePublication('ToOthers', wrong), { code: 'invalid-option' })
  })
})

describe('the publications of an application', () => {
  test('run beside its other processors, but in no branch', async () => {
    const { publication, published, eventStore } = open()
    const options = { eventStore, viewStore: new MemoryViewStore(), aggregates: [accountDefinition] }
    await using application = new Application({ ...options, publications: [publication] })
    await application.start()
    await appendDeposits(eventStore, 'a-1', 1)
    await application.processing.drain('ToOthers')
    assert.deepEqual(published, ['a-1:1'])
    await using branch = await application.branch()
    assert.ok(!branch.processing.processorNames.includes('ToOthers'))
  })

  test('have names that no other processor has', async () => {
    const { publication, eventStore } = open()
    const options = { eventStore, viewStore: new MemoryViewStore(), aggregates: [accountDefinition] }
    const create = async () => new Application({ ...options, publications: [publication, publication] })
    assert.match((await errorOf(create(), 'invalid-definition')).message, /Processor ToOthers is given twice/)
  })
})
