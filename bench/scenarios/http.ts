/** Commands and queries over HTTP. */

import { join } from 'node:path'
import type { HttpLoadInput, HttpLoadOutcome } from '../children/http-load.ts'
import type { ServiceOutcome } from '../children/http-service.ts'
import { type Child, startChild } from '../harness/child.ts'
import { peerVersion, preparePeers } from '../harness/peers.ts'
import { inRounds, pick, ratios } from '../harness/rounds.ts'
import { ResultTable, type Scenario } from '../harness/scenario.ts'
import { withDatabaseFile } from '../harness/scratch.ts'

const [service, load] = ['http-service.ts', 'http-load.ts'].map((name) =>
  join(import.meta.dirname, '..', 'children', name),
) as [string, string]
const kinds = ['command', 'query by id', 'query by e-mail'] as const

/** Scenario (d). */
export const http: Scenario = {
  name: 'http',
  title: 'Commands and queries over HTTP',
  needsLargeStore: false,
  about: `A service and a load generator, autocannon, each in a process of its own, over 64 connections on one machine. The
service is an \`HttpServer\` over an \`Application\` with 10,000 persons: a command is authorized, parsed, decided and durable
before it is answered, and a projection keeps the view of persons up to date meanwhile.

- **CIM**: that service.
- **bare**: \`node:http\` reading the same requests and always giving the same short answer. Where this is not several
  times faster, the load generator and the machine are what was measured.
- **1,000 requests/s**: requests that begin at a fixed rate, evenly spaced, over as many connections, whatever became of
  those before. Their latency counts from the moment at which they were due.`,
  plots: [
    {
      name: 'http',
      title: 'Requests per second, 64 connections',
      kind: 'bars',
      places: 'request',
      columns: ['CIM', 'bare'],
    },
  ],
  async run({ settings, folder, mayInstall, say }) {
    const table = new ResultTable()
    const problem = await preparePeers(mayInstall, say)
    if (problem !== undefined) {
      for (const kind of kinds) table.fail(kind, 'CIM', `autocannon makes the load, but ${problem}`)
      return table
    }
    const { aggregates, httpExtent: extent } = settings
    await withDatabaseFile(folder, (storePath) =>
      withDatabaseFile(folder, async (viewPath) => {
        const input = { storePath, viewPath, aggregates }
        await using application = await startChild<ServiceOutcome>(service, { ...input, kind: 'application' })
        await using bare = await startChild<ServiceOutcome>(service, { ...input, kind: 'bare' })
        await using generator = await startChild(load, { aggregates })
        const measure = async ({ firstMessage }: Child<ServiceOutcome>, kind: HttpLoadInput['kind'], rate?: number) => {
          const wanted = {
            url: firstMessage.url,
            kind,
            connections: 64,
            extent,
            ...(rate === undefined ? {} : { rate }),
          }
          const outcome = await generator.ask<HttpLoadOutcome>(wanted satisfies HttpLoadInput)
          if (outcome.failed > 0)
            table.note(`${outcome.failed} requests (${kind}) failed or were answered by an error.`)
          return outcome
        }
        for (const kind of kinds) {
          say(kind)
          const samples = await inRounds(settings.longRounds, {
            cim: () => measure(application, kind),
            bare: () => measure(bare, kind),
            steady: () => measure(application, kind, 1000),
          })
          const [cim, ceiling] = [pick(samples.cim, 'perSecond'), pick(samples.bare, 'perSecond')]
          table.add(kind, 'CIM', '/s', cim)
          table.add(kind, 'bare', '/s', ceiling)
          table.add(kind, 'CIM to bare', '×', ratios(cim, ceiling))
          table.add(kind, 'p50', 'ms', pick(samples.cim, 'p50Ms'))
          table.add(kind, 'p99', 'ms', pick(samples.cim, 'p99Ms'))
          table.add(kind, 'p99 at 1,000 requests/s', 'ms', pick(samples.steady, 'p99Ms'))
        }
      }),
    )
    table.note(`autocannon ${peerVersion('autocannon')}.`)
    return table
  },
}
