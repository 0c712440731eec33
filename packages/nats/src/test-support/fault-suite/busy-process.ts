/** A process that appends and loads as its seed says until it is told to stop, and tells of every call. */

import { argv, stdout } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { type AppendOptions, type AppendResult, type ConcurrencyError, hasErrorCode, type NewEvent } from '@cim/core'
import type { AppendOutcome } from '@cim/testing'
import { JetStreamEventStore } from '../../jetstream-event-store.ts'
import { person } from '../sample-events.ts'
import { seededRandom } from '../seeded-random.ts'
import type { BusyOptions, Told } from './told.ts'

const options = JSON.parse(argv[2] ?? '{}') as BusyOptions
const { servers, streamName, subjectPrefix, name, seed, shared, mostEvents, giveUpAfterMs, requestTimeoutMs } = options
const below = seededRandom(seed)
const store = await JetStreamEventStore.open({
  servers,
  // What stands between the process and a server is not gone around.
  connect: { ignoreClusterUpdates: true },
  streamName,
  subjectPrefix,
  giveUpAfterMs,
  requestTimeoutMs,
})
const lanes = 3
const longestPauseMs = 40
const generations = new Map<string, number>()
let made = 0
let isStopping = false
process.on('disconnect', () => {
  isStopping = true
})

/** The clock of the machine, which all its processes share, in milliseconds. */
function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

function tell(told: Told): void {
  stdout.write(`${JSON.stringify(told)}\n`)
}

async function work(lane: number): Promise<void> {
  while (!isStopping) {
    const kind = below(5) < 3 ? `shared-${below(shared)}` : `own-${name}-${lane}`
    const generation = generations.get(kind) ?? 0
    const aggregate = `${kind}-${generation}`
    const version = await load(aggregate)
    if (version === undefined) continue
    if (version >= mostEvents) generations.set(kind, Math.max(generation + 1, generations.get(kind) ?? 0))
    else await change(aggregate, version)
    await sleep(below(longestPauseMs))
  }
}

/** @returns the aggregate's version, undefined when nobody answered */
async function load(aggregate: string): Promise<number | undefined> {
  const startedAt = now()
  try {
    const eventIds = (await store.loadEvents(person(aggregate))).map(({ eventId }) => eventId)
    tell({ kind: 'load', aggregate, process: name, startedAt, endedAt: now(), eventIds })
    return eventIds.length
  } catch (error) {
    if (!hasErrorCode(error, 'store-unavailable')) throw error
    return undefined
  }
}

async function change(aggregate: string, version: number): Promise<void> {
  const dice = below(10)
  if (dice < 2) return
  if (dice < 6) return append(aggregate, { expectedVersion: version })
  if (dice < 7) return append(aggregate, { expectedVersion: Math.max(0, version - 1) })
  if (dice < 8) return append(aggregate, { expectedVersion: 'any' })
  // Several processes send the same command, and may decide otherwise.
  const commandId = `c-${aggregate}-${Math.floor(version / 4)}`
  if (dice < 9) return append(aggregate, { expectedVersion: version, command: { commandId, fingerprint: 1 } })
  return reject(aggregate, commandId, version)
}

async function append(aggregate: string, appending: AppendOptions): Promise<void> {
  const { expectedVersion, command } = appending
  const metadata = command === undefined ? {} : { commandId: command.commandId }
  const first = ++made
  const events = Array.from({ length: 1 + below(3) }, (_, index): NewEvent & { readonly eventId: string } => {
    return { eventId: `${name}${first}.${index}`, eventType: 'Noted', eventData: first, metadata }
  })
  const eventIds = events.map(({ eventId }) => eventId)
  for (;;) {
    const startedAt = now()
    const outcome = await settle(store.appendEvents(person(aggregate), events, appending))
    const endedAt = now()
    const operation = {
      kind: 'append',
      aggregate,
      process: name,
      startedAt,
      endedAt,
      expectedVersion,
      eventIds,
    } as const
    if ('events' in outcome) tellStored(operation, outcome, command?.commandId)
    else tell({ ...operation, outcome })
    // Only with the same version, or with a command, is it known for the same.
    const isRepeatable = expectedVersion !== 'any' || command !== undefined
    if (!('kind' in outcome) || outcome.kind !== 'unknown' || !isRepeatable) return
  }
}

function tellStored(
  operation: Omit<Told & { kind: 'append' }, 'outcome'>,
  result: AppendResult,
  commandId: string | undefined,
): void {
  const { version } = result
  const stored = result.events.map(({ eventId }) => eventId)
  if (stored.join() !== operation.eventIds.join()) {
    tell({ ...operation, outcome: { kind: 'repeated', eventIds: stored } })
  } else {
    const positions = result.events.map(({ position }) => position)
    tell({ ...operation, outcome: { kind: 'stored', version }, positions })
  }
  if (commandId === undefined) return
  const status = stored.length === 0 ? 'Rejected' : 'Accepted'
  tell({ kind: 'command', aggregate: operation.aggregate, commandId, status, version })
}

async function settle(appending: Promise<AppendResult>): Promise<AppendResult | AppendOutcome> {
  try {
    return await appending
  } catch (error) {
    if (hasErrorCode(error, 'concurrency')) {
      return { kind: 'conflict', actualVersion: (error as ConcurrencyError).actualVersion }
    }
    if (!hasErrorCode(error, 'store-unavailable')) throw error
    return { kind: (error as Error).message.includes('is not known') ? 'unknown' : 'failed' }
  }
}

async function reject(aggregate: string, commandId: string, version: number): Promise<void> {
  for (;;) {
    try {
      const record = { commandId, fingerprint: 1, status: 'Rejected', version, position: 0, timestamp: '' } as const
      const kept = await store.recordCommand(person(aggregate), record)
      tell({ kind: 'command', aggregate, commandId, status: kept.status, version: kept.version })
      return
    } catch (error) {
      if (!hasErrorCode(error, 'store-unavailable')) throw error
    }
  }
}

await Promise.all(Array.from({ length: lanes }, (_, lane) => work(lane)))
await store.close()
