/** Appends to JetStream through the event store, against a raw publish loop. */

import { Persons } from '../domain/persons.ts'
import { closedLoop } from '../harness/load-generators.ts'
import { type NatsServersOptions, startNatsServers } from '../harness/nats-servers.ts'
import { inRounds, pick, ratios } from '../harness/rounds.ts'
import { ResultTable, type Scenario } from '../harness/scenario.ts'
import type { Settings } from '../harness/settings.ts'
import { RawNatsLog } from '../raw/raw-nats-log.ts'
import { type NatsStream, openNatsStore, withNatsStream } from '../stores/nats-stream.ts'

const servers: Readonly<Record<string, Omit<NatsServersOptions, 'folder'>>> = {
  '1 server': { count: 1 },
  '3 servers': { count: 3 },
  '1 server, always synced': { count: 1, syncAlways: true },
  '3 servers, always synced': { count: 3, syncAlways: true },
}

/** CIM's own documents report 10,000 events in 59.8 s, the one measurement over JetStream among them. */
const published = 10_000 / 59.8

/** Scenario of appends over NATS. */
export const natsAppend: Scenario = {
  name: 'nats-append',
  title: 'Append over NATS JetStream',
  needsLargeStore: false,
  about: `One event per append, with its expected version, to one of 10,000 aggregates at random, by one process that has so
many appends in flight. Servers, on the same machine, sync to disk every two minutes, which is their default, or before each
acknowledgment (\`sync_interval: always\`); of three, each keeps every event. All connect to the server that leads the stream.

- **CIM**: \`JetStreamEventStore.appendEvents\`, from the call to the acknowledgment.
- **raw**: a loop over the client, \`@nats-io/transport-node\`, that publishes the same messages to a stream of the same kind:
  the same subjects, headers (made with the client's \`headers()\`), JSON, ids and version checks. Acknowledgments come to one
  inbox and are counted, each by a callback that publishes the next message. It knows no events but those it has written, keeps
  no promises, returns no results, and ends at the first error.
- **CPU**: user time of that process for each event. Where the servers are slower than the process, it says what an append
  costs, and the ratio of events per second does not.
- **published by CIM**: not measured here. It is what CIM's own documents report of its implementation in Rust: 10,000
  events in 59.8 s, on a machine that they do not describe.`,
  plots: [1, 3].map((servers) => ({
    name: `nats-append-${servers}`,
    title: `Appends per second, ${servers === 1 ? 'one server' : 'three servers'}`,
    kind: 'lines',
    rows: new RegExp(`^${servers} servers?, (\\d+) in flight$`),
    places: 'appends in flight',
    columns: ['CIM', 'raw'],
    isLogarithmic: true,
  })),
  async run({ settings, folder, say }) {
    const table = new ResultTable()
    await warmUp(folder, settings)
    for (const [name, options] of Object.entries(servers)) {
      await using running = await startNatsServers({ ...options, folder })
      table.note(`nats-server ${running.version}.`)
      for (const inFlight of settings.natsInFlight) {
        const row = `${name}, ${inFlight} in flight`
        say(row)
        const { alone, crowd, synced } = settings.natsEventsPerRun
        const events = inFlight === 1 ? alone : options.syncAlways === true ? synced : crowd
        const load: Load = { inFlight, events, aggregates: settings.aggregates }
        const { cim, raw } = await inRounds(settings.natsRounds, {
          cim: () => withNatsStream(running, (stream) => appendThroughStore(stream, load)),
          raw: () => withNatsStream(running, (stream) => appendRaw(stream, load)),
        })
        table.add(row, 'CIM', '/s', pick(cim, 'perSecond'))
        table.add(row, 'raw', '/s', pick(raw, 'perSecond'))
        table.add(row, 'CIM to raw', '×', ratios(pick(cim, 'perSecond'), pick(raw, 'perSecond')), { atLeast: 0.8 })
        table.add(row, 'CIM CPU', 'µs', pick(cim, 'cpuMicros'))
        table.add(row, 'raw CPU', 'µs', pick(raw, 'cpuMicros'))
        table.add(row, 'CIM p50', 'ms', pick(cim, 'p50Ms'))
        table.add(row, 'CIM p99', 'ms', pick(cim, 'p99Ms'))
      }
    }
    table.add('published by CIM', 'CIM', '/s', [published])
    return table
  },
}

interface Load {
  readonly inFlight: number
  readonly events: number
  readonly aggregates: number
}

/** Code is compiled before anything is measured. */
async function warmUp(folder: string, { aggregates, warmUpEvents: events }: Settings): Promise<void> {
  await using servers = await startNatsServers({ count: 1, folder })
  for (const append of [appendThroughStore, appendRaw]) {
    await withNatsStream(servers, (stream) => append(stream, { inFlight: 64, events, aggregates }))
  }
}

async function appendThroughStore(stream: NatsStream, { inFlight, events, aggregates }: Load) {
  await using store = await openNatsStore(stream)
  const persons = new Persons(aggregates)
  const append = (count: number) => closedLoop(inFlight, count, (caller) => persons.appendOne(store, caller, inFlight))
  await append(firstEvents(events))
  const cpu = process.cpuUsage()
  const { perSecond, p50Ms, p99Ms } = await append(events)
  return { perSecond, cpuMicros: process.cpuUsage(cpu).user / events, p50Ms, p99Ms }
}

async function appendRaw(stream: NatsStream, { inFlight, events, aggregates }: Load) {
  await using log = await RawNatsLog.open(stream)
  const persons = new Persons(aggregates)
  await log.append(persons, inFlight, firstEvents(events))
  const cpu = process.cpuUsage()
  const perSecond = await log.append(persons, inFlight, events)
  return { perSecond, cpuMicros: process.cpuUsage(cpu).user / events, p50Ms: 0, p99Ms: 0 }
}

/** A new stream and a new connection are slow for a moment: so many events are appended before any is measured. */
function firstEvents(events: number): number {
  return Math.ceil(events / 5)
}
