/** Going through a stream of events over NATS. */

import { performance } from 'node:perf_hooks'
import { NatsConsumer } from '@cim/nats'
import { Persons } from '../domain/persons.ts'
import { startNatsServers } from '../harness/nats-servers.ts'
import { inRounds, pick, ratios } from '../harness/rounds.ts'
import { ResultTable, type Scenario } from '../harness/scenario.ts'
import { RawNatsLog } from '../raw/raw-nats-log.ts'
import { type NatsStream, openNatsStore, withNatsStream } from '../stores/nats-stream.ts'

/** Scenario of consuming over NATS. */
export const natsConsume: Scenario = {
  name: 'nats-consume',
  title: 'Consuming events over NATS JetStream',
  needsLargeStore: false,
  about: `One process goes through 100,000 events of 10,000 persons that are stored already, from the first to the last.

- **subscribe**: \`JetStreamEventStore.subscribe\`, 1,000 events at a time: what projections read from. Nothing between the
  messages can be missed, whichever servers come and go.
- **NatsConsumer**: a durable consumer as it is when nothing is set: a handler that does nothing, the events of each person
  one after the other, each acknowledged by itself.
- **raw**: an ordered consumer of the client that parses each message. It acknowledges nothing and remembers no place.`,
  async run({ settings, folder, say }) {
    const table = new ResultTable()
    const count = settings.natsBacklogEvents
    for (const serverCount of [1, 3] as const) {
      await using servers = await startNatsServers({ count: serverCount, folder })
      table.note(`nats-server ${servers.version}.`)
      const row = serverCount === 1 ? '1 server' : '3 servers'
      say(row)
      await withNatsStream(servers, async (stream) => {
        await using log = await RawNatsLog.open(stream)
        await log.append(new Persons(settings.aggregates), 256, count)
        const samples = await inRounds(settings.natsRounds, {
          subscribe: () => timed(count, () => subscribe(stream, count)),
          NatsConsumer: () => consume(stream, count),
          raw: () => timed(count, () => consumeRaw(stream, count)),
        })
        const raw = pick(samples.raw, 'perSecond')
        for (const way of ['subscribe', 'NatsConsumer'] as const) {
          const perSecond = pick(samples[way], 'perSecond')
          table.add(row, way, '/s', perSecond)
          table.add(row, `${way} to raw`, '×', ratios(perSecond, raw))
        }
        table.add(row, 'raw', '/s', raw)
      })
    }
    return table
  },
}

async function timed(events: number, work: () => Promise<void>) {
  const start = performance.now()
  await work()
  return { perSecond: (events / (performance.now() - start)) * 1000 }
}

async function subscribe(stream: NatsStream, count: number): Promise<void> {
  await using store = await openNatsStore(stream)
  let seen = 0
  for await (const { events } of store.subscribe('events.>')) {
    seen += events.length
    if (seen === count) return
  }
}

async function consumeRaw(stream: NatsStream, count: number): Promise<void> {
  await using log = await RawNatsLog.open(stream)
  await log.consume(count)
}

let consumers = 0

/** Opening makes a consumer, a bucket and a stream, once for all times: that is not what is measured. */
async function consume({ url, name }: NatsStream, count: number) {
  let seen = 0
  let first = 0
  const last = Promise.withResolvers<number>()
  await using _ = await NatsConsumer.open({
    connect: { servers: url },
    name: `${name}-${++consumers}`,
    streamName: name,
    subjectPrefix: name,
    patterns: 'events.>',
    handler: () => {
      if (seen++ === 0) first = performance.now()
      if (seen === count) last.resolve(performance.now())
    },
    onProblem: last.reject,
  })
  return { perSecond: (count / ((await last.promise) - first)) * 1000 }
}
