/** Makes HTTP requests, in a process of its own: with autocannon as many as possible, or so many in a second. */

import { Agent, request } from 'node:http'
import { personCommandContent, personEventContent } from '../domain/person-events.ts'
import { personId } from '../domain/persons.ts'
import { answer, answerAll, childInput } from '../harness/child.ts'
import { openLoop } from '../harness/load-generators.ts'
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

type Request = { method: string; path: string; body?: string; headers?: Record<string, string> }

/** The part of autocannon's interface that is used here. */
type Autocannon = (options: {
  readonly url: string
  readonly connections: number
  readonly duration?: number
  readonly amount?: number
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

async function makeLoad(input: HttpLoadInput): Promise<HttpLoadOutcome> {
  const { rate } = input
  await untilCaughtUp(input.url)
  return rate === undefined ? makeMostLoad(input) : makeSteadyLoad(input, rate)
}

/** What a load before has left to the projection is not part of this one. */
async function untilCaughtUp(url: string): Promise<void> {
  const { path, body, ...init } = nextRequest('command')
  const { position } = (await (await fetch(`${url}${path}`, { ...init, body: body ?? null })).json()) as {
    readonly position: number
  }
  await (await fetch(`${url}/queries/GetPerson?personId=${nextId()}&after=${position}&wait=30000`)).text()
}

async function makeMostLoad({ url, kind, connections, extent }: HttpLoadInput): Promise<HttpLoadOutcome> {
  const outcome = await autocannon({
    url,
    connections,
    // It also decides only then whether it is done.
    sampleInt: 50,
    ...extent,
    requests: [{ setupRequest: (request) => ({ ...request, ...nextRequest(kind) }) }],
  })
  return {
    perSecond: outcome['2xx'] / outcome.duration,
    p50Ms: outcome.latency.p50,
    p99Ms: outcome.latency.p99,
    failed: outcome.non2xx + outcome.errors,
  }
}

/** Not with autocannon: it would send each second's requests at once, as fast as it can. */
async function makeSteadyLoad(
  { url, kind, connections, extent }: HttpLoadInput,
  rate: number,
): Promise<HttpLoadOutcome> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const requests = 'amount' in extent ? extent.amount : extent.duration * rate
  let failed = 0
  const load = await openLoop(rate, requests, async () => {
    if ((await send(url, nextRequest(kind), agent)) !== 200) failed++
  })
  agent.destroy()
  return { perSecond: load.perSecond, p50Ms: load.p50Ms, p99Ms: load.p99Ms, failed }
}

/** @returns the status of the answer, when all of it has come */
function send(url: string, { method, path, headers, body }: Request, agent: Agent): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  const length = body === undefined ? undefined : { 'content-length': Buffer.byteLength(body) }
  const sent = request(`${url}${path}`, { method, agent, headers: { ...headers, ...length } }, (response) => {
    response.resume().once('end', () => resolve(response.statusCode))
  })
  sent.once('error', reject).end(body)
  return promise
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
