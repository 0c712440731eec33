/** Makes HTTP requests with autocannon, in a process of its own. */

import { personCommandContent, personEventContent } from '../domain/person-events.ts'
import { personId } from '../domain/persons.ts'
import { answer, answerAll, childInput } from '../harness/child.ts'
import { requirePeer } from '../harness/peers.ts'
import { seededRandom } from '../harness/random.ts'
import type { Settings } from '../harness/settings.ts'

/** What the process is started with. */
export interface HttpLoadProcessInput {
  readonly aggregates: number
}

/** What it is asked. */
export interface HttpLoadInput {
  readonly url: string
  readonly kind: 'command' | 'query by id' | 'query by e-mail'
  readonly connections: number
  readonly extent: Settings['httpExtent']
  /** Requests in a second over all connections; as many as possible when left out. */
  readonly rate?: number
}

/** What it found. */
export type HttpLoadOutcome = {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Answers that were not 200, and requests without an answer. */
  readonly failed: number
}

type Request = { method: string; path: string; body?: string; headers?: Readonly<Record<string, string>> }

/** The part of autocannon's interface that is used here. */
type Autocannon = (options: {
  readonly url: string
  readonly connections: number
  readonly duration?: number
  readonly amount?: number
  readonly overallRate?: number
  readonly sampleInt: number
  readonly requests: readonly { readonly setupRequest: (request: Request) => Request }[]
}) => PromiseLike<{
  readonly duration: number
  readonly '2xx': number
  readonly non2xx: number
  readonly errors: number
  readonly latency: { readonly p50: number; readonly p99: number }
}>

const autocannon = requirePeer<Autocannon>('autocannon')
const random = seededRandom(4)
const ids = Array.from({ length: childInput<HttpLoadProcessInput>().aggregates }, (_, index) => personId(index))
const nextId = (): string => ids[Math.floor(random() * ids.length)] ?? ''
let commands = 0

answer('ready')
await answerAll(makeLoad)

async function makeLoad({ url, kind, connections, extent, rate }: HttpLoadInput): Promise<HttpLoadOutcome> {
  const outcome = await autocannon({
    url,
    connections,
    // It also decides only then whether it is done.
    sampleInt: 50,
    ...extent,
    ...(rate === undefined ? undefined : { overallRate: rate }),
    requests: [{ setupRequest: (request) => ({ ...request, ...nextRequest(kind) }) }],
  })
  return {
    perSecond: outcome['2xx'] / outcome.duration,
    p50Ms: outcome.latency.p50,
    p99Ms: outcome.latency.p99,
    failed: outcome.non2xx + outcome.errors,
  }
}

function nextRequest(kind: HttpLoadInput['kind']): Request {
  if (kind === 'query by id') return { method: 'GET', path: `/queries/GetPerson?personId=${nextId()}` }
  if (kind === 'query by e-mail') {
    const { email = '' } = personEventContent(1, Math.floor(random() * ids.length)).eventData
    return { method: 'GET', path: `/queries/FindPersonsByEmail?email=${encodeURIComponent(email)}` }
  }
  const { commandType, data } = personCommandContent(2, commands++)
  return {
    method: 'POST',
    path: `/commands/${commandType}`,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ aggregateId: nextId(), data }),
  }
}
