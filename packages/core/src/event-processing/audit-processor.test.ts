import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemoryProgressStore } from '../memory/memory-progress-store.ts'
import { appendDeposits, errorOf } from '../sample-account.test.ts'
import { type AuditOptions, auditProcessor } from './audit-processor.ts'
import { nothingSeen, type SeenEvents, withSeen } from './seen-events.ts'

const processorName = 'SumView@1'

function seenAt(...positions: readonly number[]): SeenEvents {
  return withSeen(
    nothingSeen,
    positions.map((position) => ({ position })),
  )
}

/** A store of 30 events, every third of which the processor does not want, and a record of what it has seen. */
async function audit(recorded: SeenEvents, options?: AuditOptions & { position?: number; startPosition?: number }) {
  const { position = 30, startPosition = 0, ...rest } = options ?? {}
  const eventStore = new MemoryEventStore()
  for (let round = 0; round < 10; round++) {
    await appendDeposits(eventStore, 'a-1', 1, 1)
    await eventStore.appendEvents(
      { aggregateType: 'Other', aggregateId: 'o' },
      [{ eventType: 'Noted', eventData: 1 }],
      {
        expectedVersion: 'any',
      },
    )
  }
  const progressStore = new MemoryProgressStore()
  const claim = await progressStore.claimProcessor(processorName, { owner: 'o', now: 0, leaseMs: 1, startPosition })
  assert.ok(claim)
  const save = { claim, expectedPosition: startPosition, expectedRevision: 0, leaseUntil: 1, deadLetters: [] }
  await progressStore.saveProgress({ ...save, position, seen: recorded })
  const subjectPatterns = ['events.Account.*']
  return auditProcessor({ eventStore, progressStore, processorName, subjectPatterns }, rest)
}

const wanted = Array.from({ length: 30 }, (_, index) => index + 1).filter((position) => position % 3 !== 0)

describe('an audit', () => {
  test('proves that every wanted event was seen once, whatever the size of its batches', async () => {
    for (const batchSize of [1, 7, 1000]) {
      const { verdict, message, expected, recorded } = await audit(seenAt(...wanted), { batchSize })
      assert.deepEqual([verdict, expected], ['complete', recorded])
      assert.equal(message, 'All 20 events up to position 30 were seen, each once.')
    }
  })

  test('looks no further than the processor is', async () => {
    const { verdict, expected, position } = await audit(seenAt(1, 2, 4), { position: 4 })
    assert.deepEqual([verdict, expected.count, position], ['complete', 3, 4])
    const ahead = await audit(seenAt(1, 2), { position: 4, batchSize: 1 })
    assert.deepEqual([ahead.verdict, ahead.suspectPositions], ['mismatch', [4]])
  })

  test('names the one event that is missing, and the one that came twice', async () => {
    for (const position of wanted) {
      const missing = await audit(seenAt(...wanted.filter((other) => other !== position)))
      assert.deepEqual([missing.verdict, missing.suspectPositions], ['mismatch', [position]])
      const twice = await audit(seenAt(...wanted, position))
      assert.deepEqual([twice.verdict, twice.suspectPositions], ['mismatch', [position]])
    }
    const { message } = await audit(seenAt(...wanted.slice(1)))
    assert.match(message, /^One event is missing, probably that at position 1\..*19 were seen.*rebuild/)
  })

  test('notices a missing event for which another came twice', async () => {
    const { verdict, message } = await audit(seenAt(...wanted.slice(1), 2))
    assert.equal(verdict, 'mismatch')
    assert.match(message, /^As many events are missing as came twice\./)
  })

  test('says how many are missing at least', async () => {
    assert.match((await audit(seenAt(...wanted.slice(0, 5)))).message, /^At least 15 events are missing\./)
    assert.match((await audit(seenAt(...wanted, ...wanted))).message, /^At least 20 events came twice\./)
  })

  test('proves only what comes after the beginning of the record', async () => {
    const after = wanted.filter((position) => position > 10)
    const { verdict, message, afterPosition } = await audit(seenAt(...after), { startPosition: 10 })
    assert.deepEqual([verdict, afterPosition], ['partly-recorded', 10])
    assert.match(message, /^All 13 events after position 10 and up to 30 were seen, each once\. What is before/)
    assert.equal((await audit(seenAt(...wanted), { startPosition: 10 })).verdict, 'mismatch')
  })

  test('says so when nothing is recorded', async () => {
    for (const startPosition of [0, 30]) {
      const { verdict, message } = await audit(nothingSeen, { startPosition })
      assert.equal(verdict, 'not-recorded')
      assert.match(message, /^Nothing is recorded up to position 30: .* cannot be told\./)
    }
  })

  test('of a processor that nobody has run finds nothing wrong', async () => {
    const audited = { eventStore: new MemoryEventStore(), progressStore: new MemoryProgressStore() }
    const subjectPatterns = ['events.>']
    const { verdict, position } = await auditProcessor({ ...audited, processorName, subjectPatterns })
    assert.deepEqual([verdict, position], ['complete', 0])
  })

  test('lets others run, tells how far it is, and ends when it is told to', async () => {
    const giveUp = new AbortController()
    const steps: string[] = []
    const options: AuditOptions = {
      batchSize: 8,
      signal: giveUp.signal,
      onProgress: ({ position, ofPosition }) => void steps.push(`${position} of ${ofPosition}`),
      nextTurn: async () => {
        steps.push('others')
        if (steps.length >= 4) giveUp.abort(new Error('enough'))
      },
    }
    await assert.rejects(audit(seenAt(...wanted), options), /enough/)
    assert.deepEqual(steps, ['12 of 30', 'others', '24 of 30', 'others'])
  })

  test('refuses options that it does not know', async () => {
    await errorOf(audit(nothingSeen, { batchSize: 0 }), 'invalid-option')
    await errorOf(audit(nothingSeen, { size: 1 } as AuditOptions), 'invalid-option')
  })
})
