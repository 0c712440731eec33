/** What progress stores of different processes on the same servers promise each other, and what becomes of large changes. */

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import {
  type DeadLetterSequence,
  nothingSeen,
  type ProcessorClaim,
  type ProgressSave,
  StaleOwnerError,
} from '@cim/core'
import { jetstreamManager } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { connect } from '@nats-io/transport-node'
import { startCuttingProxy } from '../test-support/cutting-proxy.ts'
import { startNatsServer } from '../test-support/nats-server.ts'
import { ownBucket } from '../test-support/test-stores.ts'
import { JetStreamProgressStore } from './jetstream-progress-store.ts'

const server = await startNatsServer()
after(() => server[Symbol.asyncDispose]())

const processorName = 'Mailer'
const start = Date.UTC(2026, 0, 1)
const leaseMs = 10_000

function saveOf(claim: ProcessorClaim, position: number, more: Partial<ProgressSave> = {}): ProgressSave {
  const expected = { expectedPosition: position - 1, expectedRevision: 0 }
  return { claim, ...expected, position, seen: nothingSeen, leaseUntil: start + leaseMs, deadLetters: [], ...more }
}

function letter(aggregateId: string): DeadLetterSequence {
  return {
    processorName,
    aggregateType: 'Person',
    aggregateId,
    state: 'parked',
    fromSequence: 1,
    fromPosition: 1,
    toSequence: 1,
    toPosition: 1,
    eventCount: 1,
    attempts: 1,
    failure: { name: 'Error', message: 'no', eventId: 'e', eventType: 'Moved' },
    firstFailedAt: '2026-01-01T00:00:00.000Z',
    lastFailedAt: '2026-01-01T00:00:00.000Z',
    nextAttemptAt: undefined,
  }
}

const letters = (count: number) => Array.from({ length: count }, (_, index) => letter(`p-${index}`))
const puts = (sequences: readonly DeadLetterSequence[]) =>
  sequences.map((sequence) => ({ kind: 'put', sequence }) as const)

async function claimOf(store: JetStreamProgressStore, owner = 'first', now = start): Promise<ProcessorClaim> {
  const claim = await store.claimProcessor(processorName, { owner, now, leaseMs })
  assert.ok(claim !== undefined, `${owner} is given the processor`)
  return claim
}

/** Two processes, as far as the servers can tell. */
async function openTwo() {
  const own = ownBucket({ servers: server.url })
  const [first, second] = [await JetStreamProgressStore.open(own), await JetStreamProgressStore.open(own)]
  const close = async () => void (await Promise.all([first.close(), second.close()]))
  return { own, first, second, [Symbol.asyncDispose]: close }
}

describe('two processes', { timeout: 60_000 }, () => {
  test('see what the other has saved, and no save of an owner that was displaced is taken', async () => {
    await using stores = await openTwo()
    const { first, second } = stores
    const claim = await claimOf(first)
    await first.saveProgress(saveOf(claim, 1, { deadLetters: puts(letters(3)) }))
    const taken = await claimOf(second, 'second', start + 10 * 60_000)
    const late = first.saveProgress(saveOf(claim, 2, { deadLetters: puts([letter('late')]) }))
    await assert.rejects(late, (error) => error instanceof StaleOwnerError && error.epoch === claim.epoch)
    await assert.rejects(first.renewClaim(claim, start + leaseMs), StaleOwnerError)
    await second.saveProgress(saveOf(taken, 2, { deadLetters: puts([letter('p-1')]) }))
    for (const store of [first, second]) {
      assert.equal((await store.readProgress(processorName))?.position, 2)
      const { sequences } = await store.listDeadLetters(processorName)
      assert.deepEqual(sequences, letters(3))
      assert.deepEqual((await store.countDeadLetters(processorName)).parkedSequences, 3)
    }
  })

  test('what one retries or pauses, the other learns at its next step', async () => {
    await using stores = await openTwo()
    const { first, second } = stores
    const claim = await claimOf(first)
    await first.saveProgress(saveOf(claim, 1, { deadLetters: puts(letters(2)) }))
    assert.equal(await second.retryDeadLetters(processorName, { aggregateId: 'p-0' }, start), 1)
    await assert.rejects(first.saveProgress(saveOf(claim, 2)), { code: 'dead-letters-changed' })
    await second.setPaused(processorName, true)
    const renewed = await first.renewClaim(claim, start + leaseMs)
    assert.deepEqual([renewed.isPaused, renewed.revision], [true, 1])
    const states = (await first.listDeadLetters(processorName)).sequences.map(({ state }) => state)
    assert.deepEqual(states, ['retrying', 'parked'])
  })

  test('a claim runs out by the clock of whoever wants it, also when that one is an hour ahead or behind', async () => {
    for (const aheadMs of [30_000, -30_000, -3_600_000]) {
      await using stores = await openTwo()
      const { first, second } = stores
      const claim = await claimOf(first)
      const ask = (afterMs: number) =>
        second.claimProcessor(processorName, { owner: 'second', now: start + aheadMs + afterMs, leaseMs })
      assert.equal(await ask(0), undefined)
      assert.equal(await ask(leaseMs - 1), undefined)
      await first.renewClaim(claim, start + 2 * leaseMs)
      assert.equal(await ask(leaseMs), undefined, 'the owner has shown a sign of life')
      await first.setPaused(processorName, false)
      assert.equal(await ask(2 * leaseMs - 1), undefined)
      assert.equal((await ask(2 * leaseMs))?.epoch, 2, 'and then none for a whole lease')
    }
  })

  test('a claim that ran out long ago is free at once', async () => {
    await using stores = await openTwo()
    await claimOf(stores.first)
    assert.equal((await claimOf(stores.second, 'second', start + leaseMs + 60_000)).epoch, 2)
  })

  test('of two that ask for a free processor again and again, one gets it each time', async () => {
    await using stores = await openTwo()
    for (let round = 1; round <= 20; round++) {
      const asked = [stores.first, stores.second].map((store, index) =>
        store.claimProcessor(processorName, { owner: `${index}`, now: start, leaseMs }),
      )
      const given = (await Promise.all(asked)).map((claim) => claim?.epoch)
      assert.deepEqual(new Set(given), new Set([undefined, round]))
      const winner = given[0] === undefined ? stores.second : stores.first
      await winner.releaseClaim({ processorName, epoch: round })
    }
  })
})

describe('a change of thousands of dead letters', { timeout: 60_000 }, () => {
  test('is made whole, and read whole by another process', async () => {
    await using stores = await openTwo()
    const { first, second } = stores
    const all = letters(2500)
    const claim = await claimOf(first)
    await first.saveProgress(saveOf(claim, 1, { deadLetters: puts(all) }))
    const read = async (store: JetStreamProgressStore) => {
      const pages: DeadLetterSequence[] = []
      for (let after: string | undefined; ; ) {
        const page = await store.listDeadLetters(processorName, { limit: 1000, ...(after && { after }) })
        pages.push(...page.sequences)
        after = page.next
        if (after === undefined) return pages
      }
    }
    assert.deepEqual(await read(second), all)
    assert.equal(await second.retryDeadLetters(processorName, {}, start), 2500)
    assert.equal((await first.countDeadLetters(processorName)).retryingSequences, 2500)
    assert.equal(await first.discardDeadLetters(processorName, {}, { reason: 'tests', now: start }), 2500)
    assert.deepEqual(await read(second), [])
    assert.equal((await second.listDiscarded(processorName, 1000)).at(-1)?.aggregateId, 'p-1500')
  })

  test('of an owner that is displaced in the middle of it changes nothing', async () => {
    await using stores = await openTwo()
    const { first, second } = stores
    const claim = await claimOf(first)
    await first.saveProgress(saveOf(claim, 1, { deadLetters: puts(letters(2)) }))
    const later = start + 10 * 60_000
    const outcomes = await Promise.allSettled([
      first.saveProgress(saveOf(claim, 2, { deadLetters: puts(letters(5000)) })),
      claimOf(second, 'second', later),
    ])
    const isSaved = outcomes[0]?.status === 'fulfilled'
    const held = await second.countDeadLetters(processorName)
    assert.deepEqual(
      [held.parkedSequences, (await second.readProgress(processorName))?.position],
      isSaved ? [5000, 2] : [2, 1],
    )
    const taken = await claimOf(second, 'second', later)
    const position = isSaved ? 2 : 1
    await second.saveProgress(saveOf(taken, position + 1, { deadLetters: puts([letter('after')]) }))
    assert.equal((await first.countDeadLetters(processorName)).parkedSequences, held.parkedSequences + 1)
  })
})

test('a bucket shows what is held to other programs, and nothing that is over', { timeout: 60_000 }, async () => {
  await using stores = await openTwo()
  const { first, own } = stores
  const claim = await claimOf(first)
  await first.saveProgress(saveOf(claim, 1, { deadLetters: puts(letters(3)) }))
  const gone = { kind: 'resolve', aggregate: { aggregateType: 'Person', aggregateId: 'p-1' } } as const
  await first.saveProgress(saveOf(claim, 2, { deadLetters: [gone, ...puts([letter('p-2')])] }))
  const connection = await connect({ servers: server.url })
  const bucket = await new Kvm(connection).open(own.bucket ?? '')
  const keys: string[] = []
  for await (const key of await bucket.keys()) keys.push(key)
  assert.deepEqual(keys.sort(), ['Mailer.held.0.0', 'Mailer.held.0.3', 'Mailer.progress'])
  assert.equal((await bucket.get('Mailer.progress'))?.json<{ progress: { position: number } }>().progress.position, 2)
  await connection.close()
})

describe('a change whose answer is lost', { timeout: 60_000 }, () => {
  test('is made once', async () => {
    await using proxy = await startCuttingProxy(server.port)
    const own = ownBucket({ servers: proxy.url, connect: { reconnectTimeWait: 1, reconnectJitter: 0, timeout: 200 } })
    await using store = await JetStreamProgressStore.open(own)
    const cutting = async <TResult>(work: () => Promise<TResult>): Promise<TResult> => {
      const { cuts } = proxy
      proxy.cutBeforeAnswer(`PUB $KV.${own.bucket}.${processorName}.progress`)
      const result = await work()
      assert.equal(proxy.cuts, cuts + 1, 'the answer was lost')
      return result
    }
    const claim = await cutting(() => claimOf(store))
    assert.equal(claim.epoch, 1)
    const behind = { ...letter('ada'), toSequence: 9, toPosition: 9, eventCount: 9 }
    await cutting(() => store.saveProgress(saveOf(claim, 1, { deadLetters: puts([behind, ...letters(1200)]) })))
    await cutting(() => store.saveProgress(saveOf(claim, 2)))
    const options = { reason: 'broken', isFirstOnly: true, now: start }
    assert.equal(await cutting(() => store.discardDeadLetters(processorName, { aggregateId: 'ada' }, options)), 1)
    const [ada] = (await store.listDeadLetters(processorName, { limit: 1 })).sequences
    assert.deepEqual([ada?.fromSequence, ada?.eventCount], [2, 8])
    assert.equal((await cutting(() => store.renewClaim(claim, start + 2 * leaseMs))).revision, 1)
    await cutting(() => store.releaseClaim(claim))
    assert.equal((await claimOf(store, 'second')).epoch, 2)
  })

  test('and of which cannot be read what became of it is an error that says so', async () => {
    await using proxy = await startCuttingProxy(server.port)
    const times = { requestTimeoutMs: 200, giveUpAfterMs: 400 }
    await using store = await JetStreamProgressStore.open(ownBucket({ servers: proxy.url, ...times }))
    const claim = await claimOf(store)
    proxy.hold()
    await assert.rejects(store.saveProgress(saveOf(claim, 1)), {
      code: 'store-unavailable',
      message: /saving progress of processor Mailer was sent, no answer came.* is not known/,
    })
    proxy.release()
  })
})

describe('a bucket', { timeout: 60_000 }, () => {
  test('that another program has made without atomic batches is refused, and says why', async () => {
    const own = ownBucket({ servers: server.url })
    const connection = await connect({ servers: server.url })
    await new Kvm(connection).create(own.bucket ?? '')
    await assert.rejects(JetStreamProgressStore.open(own), {
      code: 'unsafe-stream',
      message:
        /^Stream KV_P\S+ is not safe for the progress of processors: allow_atomic is .*a step cannot be saved whole/,
    })
    const { streams } = await jetstreamManager(connection)
    await streams.update(`KV_${own.bucket}`, { allow_atomic: true, max_bytes: 1_000_000 })
    await assert.rejects(JetStreamProgressStore.open(own), /allowUnsafe: \['max_bytes'\]/)
    await using store = await JetStreamProgressStore.open({ ...own, allowUnsafe: ['max_bytes'] })
    assert.equal(await store.readProgress(processorName), undefined)
    await connection.close()
  })

  test('is not opened with options that cannot be', async () => {
    const { url: servers } = server
    for (const wrong of [{}, { servers, bucket: 'a.b' }, { servers, replicas: 9 }, { servers, leaseMs: 1 }]) {
      await assert.rejects(JetStreamProgressStore.open(wrong), { code: 'invalid-option' })
    }
    const unknown = JetStreamProgressStore.open({ servers, allowUnsafe: ['allow_atomic'] })
    await assert.rejects(unknown, { code: 'invalid-option', message: /unknown setting allow_atomic/ })
  })
})
