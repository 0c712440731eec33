import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { startCuttingProxy } from '../test-support/cutting-proxy.ts'
import { type NatsServer, startNatsServer } from '../test-support/nats-server.ts'
import { OrderWitness } from '../test-support/order-witness.ts'
import { SampleStream, until } from '../test-support/sample-stream.ts'
import { NatsConsumer } from './nats-consumer.ts'

let server: NatsServer

before(async () => {
  server = await startNatsServer()
})
after(() => server[Symbol.asyncDispose]())

const fault = fc.oneof(
  fc.record({
    kind: fc.constant('append' as const),
    aggregate: fc.integer({ min: 0, max: 3 }),
    count: fc.integer({ min: 1, max: 8 }),
  }),
  fc.record({
    kind: fc.constant('cut' as const),
    consumer: fc.integer({ min: 0, max: 1 }),
    bytes: fc.integer({ min: 0, max: 2000 }),
  }),
  fc.record({ kind: fc.constant('restart' as const), consumer: fc.integer({ min: 0, max: 1 }) }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 300 }) }),
)

test('events of an aggregate are handled in order and one at a time, whatever fails, is cut or handed over', {
  timeout: 300_000,
}, async () => {
  const runs = Number(process.env.CIM_RUNS ?? 4)
  const seed = Number(process.env.CIM_SEED ?? Date.now() % 2 ** 31)
  const faults = fc.array(fault, { minLength: 4, maxLength: 14 })
  await fc.assert(
    fc.asyncProperty(faults, fc.infiniteStream(fc.nat(99)), async (steps, chances) => {
      await using stream = await SampleStream.open(server)
      const witness = new OrderWitness()
      const chance = () => Number(chances.next().value)
      const handler = witness.watch(async () => {
        const kind = chance()
        if (kind < 40) await sleep(kind)
        if (kind >= 80) throw new Error('it fails now and then')
      })
      const proxies = [await startCuttingProxy(server.port), await startCuttingProxy(server.port)]
      const open = async (index: number): Promise<NatsConsumer> => {
        const options = stream.options({
          connect: { servers: proxies[index]?.url ?? '' },
          ackWaitMs: 1000,
          takeOverAfterMs: 300,
          concurrency: 3,
          maxInFlight: 8,
          failures: { maxAttempts: 1000, retryDelay: { firstMs: 1, mostMs: 20 } },
          handler,
        })
        for (let attempt = 1; ; attempt++) {
          try {
            return await NatsConsumer.open(options)
          } catch (error) {
            // A connection may be cut while it opens.
            if (attempt === 10) throw error
          }
        }
      }
      const consumers: NatsConsumer[] = []
      try {
        for (const index of proxies.keys()) consumers[index] = await open(index)
        await stream.append('0', '1', '2', '3', '0', '0', '1')
        for (const step of steps) {
          if (step.kind === 'append') await stream.append(...Array<string>(step.count).fill(String(step.aggregate)))
          else if (step.kind === 'cut') proxies[step.consumer]?.cutAfterSent(step.bytes)
          else if (step.kind === 'restart') {
            await consumers[step.consumer]?.stop()
            consumers[step.consumer] = await open(step.consumer)
          } else await sleep(step.ms)
        }
        await until(
          'all is handled',
          () => stream.counts().every(([id, count]) => witness.handled(id) === count),
          60_000,
        )
        assert.deepEqual(witness.faults, [])
      } finally {
        await Promise.all(consumers.map((consumer) => consumer.stop()))
        for (const proxy of proxies) await proxy[Symbol.asyncDispose]()
      }
    }),
    { numRuns: runs, seed, endOnFailure: true },
  )
})
