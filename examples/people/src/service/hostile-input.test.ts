// Input that nobody sends by accident, made from the service's own OpenAPI document, and bytes that are no requests at
// all. CIM_REQUESTS=100000 sends more of it, CIM_SEED sends the same again, and CIM_REQUEST=7 (or 7,12) only those of the
// run with these numbers.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { SqliteEventStore } from '@cim/sqlite'
import { assertViewsEqualReplay } from '../test-support/compare-views.ts'
import { AnswerCheck } from '../test-support/fuzz/check-answer.ts'
import { FuzzedService } from '../test-support/fuzz/fuzzed-service.ts'
import { Fuzzer } from '../test-support/fuzz/fuzzer.ts'
import { HealthyClient } from '../test-support/fuzz/healthy-client.ts'
import { OpenApiDocument } from '../test-support/fuzz/openapi-document.ts'
import { Operator } from '../test-support/fuzz/operator.ts'
import type { Holdings } from '../test-support/fuzz/probe.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

const requests = Number(process.env.CIM_REQUESTS ?? 2500)
const seed = Number(process.env.CIM_SEED ?? Date.now() % 1_000_000_000)
const only = process.env.CIM_REQUEST?.split(',').map(Number)
const perBatch = 1000
/** Bytes, descriptors, and timers and sockets that may be under way. */
const mayGrowBy = [
  ['heapUsed', 16_000_000],
  ['external', 8_000_000],
  ['residentSet', 128_000_000],
  ['descriptors', 2],
  ['resources', 4],
] as const
const token = 'a-secret-that-no-answer-may-tell'

for (const [title, secret, count] of [
  ['a service without a token', undefined, Math.ceil(requests * 0.6)],
  ['a service with a token', token, Math.floor(requests * 0.4)],
] as const) {
  test(`${title} answers ${count} hostile requests as it says, and goes on as if nothing had happened`, async (context) => {
    context.diagnostic(`CIM_SEED=${seed} repeats them`)
    const dataFolder = temporaryFolder(context)
    await using service = await FuzzedService.start({ dataFolder, token: secret })
    const client = new HealthyClient(service)
    const operator = new Operator(client)
    await operator.prepare()
    const document = new OpenApiDocument(await client.get('/openapi.json'))
    const check = new AnswerCheck(document, [dataFolder, process.cwd(), ...(secret === undefined ? [] : [secret])])
    const fuzzer = new Fuzzer({ service, document, check, names: await operator.knownNames(), seed })

    const holdings: Holdings[] = []
    for (const numbers of batches(count)) {
      const stop = new AbortController()
      const asking = client.keepAsking(`healthy-${numbers[0]}`, stop.signal)
      await Promise.race([fuzzer.run(numbers), asking])
      stop.abort()
      await asking
      await operator.tidyUp()
      holdings.push(await service.holdings())
      assert.deepEqual([service.isRunning, service.faults], [true, []])
    }

    await operator.assertAllIsWell()
    const events = await fuzzer.accepted.assertStoredOnce(client)
    holdings.push(await service.holdings())
    describeRun(context, fuzzer, events, holdings)
    assertFlat(holdings)
    assert.deepEqual(service.faults, [])
    assert.equal(await service.stop(), 0)
    await assertViewsEqualReplay(dataFolder)
    await using eventStore = new SqliteEventStore({ path: join(dataFolder, 'events.sqlite') })
    const audit = await eventStore.verify()
    assert.deepEqual([audit.problems, audit.events >= events], [[], true])
  })
}

/** The first batch is a tenth. */
function* batches(count: number): Generator<readonly number[]> {
  if (only !== undefined) {
    yield only
    return
  }
  for (let from = 1, size = Math.ceil(count / 10); from <= count; from += size, size = perBatch) {
    yield Array.from({ length: Math.min(size, count - from + 1) }, (_, index) => from + index)
  }
}

/**
 * After the first tenth nothing may be added that stays. Some does within limits: caches of aggregates and pages that fill,
 * and code that is compiled because it is used often. A kilobyte kept of each of 100,000 requests would be 90 MB.
 */
function assertFlat(holdings: readonly Holdings[]): void {
  const [first, last] = [holdings[0], holdings.at(-1)]
  assert.ok(first !== undefined && last !== undefined)
  assert.deepEqual(last.pollution, [])
  for (const [name, most] of mayGrowBy) {
    const before: number = first[name] ?? 0
    const after: number = last[name] ?? 0
    assert.ok(after <= before + most, `${name} was ${before} after a tenth of the requests and is ${after}`)
  }
}

function describeRun(context: TestContext, fuzzer: Fuzzer, events: number, holdings: readonly Holdings[]): void {
  const outcomes = [...fuzzer.outcomes].sort().map(([outcome, count]) => `${outcome}: ${count}`)
  context.diagnostic(`${fuzzer.accepted.count} commands accepted, ${events} events; ${outcomes.join(', ')}`)
  for (const { heapUsed, external, residentSet, descriptors, resources } of holdings) {
    const [heap, buffers, resident] = [heapUsed, external, residentSet].map((bytes) => (bytes / 1e6).toFixed(1))
    context.diagnostic(
      `heap ${heap} MB, buffers ${buffers} MB, resident ${resident} MB, ${descriptors} descriptors, ${resources} resources`,
    )
  }
}
