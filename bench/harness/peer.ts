/** The same work for every event store that is compared, each in a process of its own. */

import { dirname, join } from 'node:path'
import { performance } from 'node:perf_hooks'
import type { ObserverInput } from '../children/observer.ts'
import { Persons } from '../domain/persons.ts'
import { answer, childInput, startChild } from './child.ts'
import { closedLoop } from './load-generators.ts'

/** What a peer has to do. */
export interface PeerInput {
  readonly path: string
  readonly work: 'append' | 'load' | 'catch up'
  readonly callers: number
  readonly aggregates: number
  /** How many to append, or to catch up with. */
  readonly events: number
}

/** What came of it. */
export type PeerOutcome = {
  /** Of what succeeded. */
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly attempted: number
  readonly failed: number
  /** Acknowledged, yet not to be seen by another process a moment later: not committed. Looked at when half was done. */
  readonly uncommitted: number
}

/** The outcome with what there is to say about it. */
export interface PeerAnswer {
  readonly outcome: PeerOutcome
  readonly firstFailure: string
  /** SQLite's version and settings on the connection that writes. */
  readonly settings: string
}

/** An event store, as the comparison sees it. */
export interface Peer extends AsyncDisposable {
  /** The table with a row for each event. */
  readonly eventsTable: string
  /** Appends the next event of the person with that number, with her expected version. */
  append(persons: Persons, index: number): Promise<unknown>
  /** Loads and folds all events of a person, from the file. @returns how many there were */
  load(personId: string): Promise<number>
  /** Builds a view of persons with three indexes. @returns how many documents it has */
  catchUp(events: number): Promise<number>
  /** @returns the value of a PRAGMA on the connection that writes, or of `SELECT sqlite_version()` */
  ask(sql: string): Promise<unknown>
}

const observerPath = join(dirname(import.meta.dirname), 'children', 'observer.ts')
const eventsPerStream = 100

/** Does what the process was started for. @param open opens the store in a new file */
export async function runPeer(open: (path: string) => Promise<Peer>): Promise<void> {
  const input = childInput<PeerInput>()
  await using peer = await open(input.path)
  const { outcome, firstFailure = '' } = await works[input.work](peer, input)
  const [sqlite, journalMode, synchronous] = [
    await peer.ask('SELECT sqlite_version()'),
    await peer.ask('PRAGMA journal_mode'),
    await peer.ask('PRAGMA synchronous'),
  ]
  const settings = `SQLite ${sqlite}, journal_mode ${journalMode}, synchronous ${synchronous}`
  answer({ outcome, firstFailure, settings } satisfies PeerAnswer)
}

type Work = (peer: Peer, input: PeerInput) => Promise<{ readonly outcome: PeerOutcome; readonly firstFailure?: string }>

const works: Readonly<Record<PeerInput['work'], Work>> = {
  append: async (peer, { path, callers, aggregates, events }) => {
    const persons = new Persons(aggregates)
    await closedLoop(1, Math.min(500, events), () => appendNext(peer, persons, persons.choose(0, 1)))
    await using observer = await startChild(observerPath, { path, table: peer.eventsTable } satisfies ObserverInput)
    const before = await observer.ask<number>('count')
    let [succeeded, failed, firstFailure] = [0, 0, '']
    let uncommitted = Promise.resolve(0)
    const load = await closedLoop(callers, events, async (caller) => {
      try {
        await appendNext(peer, persons, persons.choose(caller, callers))
        succeeded++
        if (succeeded !== Math.floor(events / 2)) return
        const acknowledged = before + succeeded
        uncommitted = observer.ask<number>('count').then((count) => Math.max(0, acknowledged - count))
      } catch (error) {
        failed++
        if (firstFailure === '') firstFailure = error instanceof Error ? error.message : String(error)
      }
    })
    const { p50Ms, p99Ms, seconds } = load
    const perSecond = succeeded / seconds
    const outcome = { perSecond, p50Ms, p99Ms, attempted: events, failed, uncommitted: await uncommitted }
    return { outcome, firstFailure }
  },
  load: async (peer, { events }) => {
    const streams = Math.ceil(events / eventsPerStream)
    const warmUp = Math.ceil(streams / 4)
    const { ids } = await fill(peer, warmUp + streams)
    let next = 0
    const loadNext = async (): Promise<void> => {
      if ((await peer.load(ids[next++] ?? '')) !== eventsPerStream) throw new Error('Events are missing.')
    }
    await closedLoop(1, warmUp, loadNext)
    const load = await closedLoop(1, streams, loadNext)
    return { outcome: { ...load, attempted: streams, failed: 0, uncommitted: 0 } }
  },
  'catch up': async (peer, { events }) => {
    const streams = Math.ceil(events / eventsPerStream)
    await fill(peer, streams)
    const total = streams * eventsPerStream
    const start = performance.now()
    const documents = await peer.catchUp(total)
    const perSecond = (total / (performance.now() - start)) * 1000
    if (documents !== streams) throw new Error(`${documents} of ${streams} documents are there.`)
    return { outcome: { perSecond, p50Ms: 0, p99Ms: 0, attempted: total, failed: 0, uncommitted: 0 } }
  },
}

/** Gives each stream its events, in turns, by one caller: all peers can do that without failures. */
async function fill(peer: Peer, streams: number): Promise<Persons> {
  const persons = new Persons(streams)
  let next = 0
  await closedLoop(1, streams * eventsPerStream, () => peer.append(persons, next++ % streams))
  return persons
}

async function appendNext(peer: Peer, persons: Persons, index: number): Promise<void> {
  const version = persons.versions[index] ?? 0
  try {
    await peer.append(persons, index)
  } catch (error) {
    persons.versions[index] = version
    throw error
  }
}
