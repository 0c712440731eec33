/** Events that could not be handled, and those that wait behind them: in a bucket on the servers, beside the stream. */

import { StoreUnavailableError } from '@cim/core'
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { type KV, type KvEntry, Kvm } from '@nats-io/kv'
import type { NatsConnection } from '@nats-io/nats-core'

/** What was thrown, as text. */
export interface ParkedFailure {
  readonly name: string
  readonly message: string
}

/** An event that waits, or was given up. The event itself stays where it is, in the stream. */
export interface ParkedEvent {
  readonly position: number
  readonly subject: string
  /** What is kept in order: the aggregate, as tokens of the subject; for a message that is no event, itself alone. */
  readonly lane: string
  /** `failed`: it could not be handled. `waiting`: it stands behind one that failed. `discarded`: somebody gave it up. */
  readonly state: 'failed' | 'waiting' | 'discarded'
  readonly aggregateType?: string
  readonly aggregateId?: string
  readonly eventType?: string
  readonly eventId?: string
  readonly failure?: ParkedFailure
  /** How often it was tried. */
  readonly attempts: number
  /** ISO-8601. */
  readonly firstFailedAt: string
  readonly lastFailedAt: string
  /** What somebody has asked for, and the process that works has not done yet. */
  readonly asked?: 'retry' | 'discard'
  /** Why it was discarded. */
  readonly reason?: string
  readonly discardedAt?: string
}

interface Entry {
  readonly event: ParkedEvent
  readonly revision: number
}

/** The bucket, with what is parked in memory. */
export class ParkedEvents {
  readonly #bucket: KV
  readonly #name: string
  readonly #manager: JetStreamManager
  readonly #lanes = new Map<string, Map<number, Entry>>()

  /** Makes the bucket when it does not exist. */
  static async open(connection: NatsConnection, name: string, replicas: number): Promise<ParkedEvents> {
    const buckets = new Kvm(connection)
    try {
      const bucket = await buckets.create(name, { history: 1, replicas })
      return new ParkedEvents(bucket, name, await jetstreamManager(connection))
    } catch (cause) {
      const said = cause instanceof Error ? cause.message : String(cause)
      throw new StoreUnavailableError(
        `NATS: the bucket ${name} for parked events cannot be opened (${said}). Make it beforehand, or let this user make the stream KV_${name}.`,
        { cause },
      )
    }
  }

  private constructor(bucket: KV, name: string, manager: JetStreamManager) {
    this.#bucket = bucket
    this.#name = name
    this.#manager = manager
  }

  /** Reads anew what is parked. */
  async load(): Promise<void> {
    const events = await this.list()
    this.#lanes.clear()
    for (const { event, revision } of events) this.#note(event, revision)
  }

  /** Tells of what others ask for, until the signal aborts. */
  async watch(onAsked: (lane: string) => void, signal: AbortSignal): Promise<void> {
    const changes = await this.#bucket.watch({ key: 'parked.>', include: 'updates', ignoreDeletes: true })
    signal.addEventListener('abort', () => changes.stop(), { once: true })
    if (signal.aborted) changes.stop()
    for await (const entry of changes) {
      const { event, revision } = decode(entry)
      const known = this.#lanes.get(event.lane)?.get(event.position)
      // A change of our own has been noted already; one of an event that is done comes too late.
      if (known === undefined || known.revision >= revision) continue
      this.#note(event, revision)
      if (event.asked !== undefined) onAsked(event.lane)
    }
  }

  /** @returns everything that is parked and not discarded, as it is on the servers, oldest first */
  async list(): Promise<readonly Entry[]> {
    return this.#read('parked.>')
  }

  /** @returns how many are parked and not discarded, as it is on the servers */
  async count(): Promise<number> {
    return (await this.list()).length
  }

  /** @returns what was discarded, oldest first */
  async listDiscarded(): Promise<readonly ParkedEvent[]> {
    return (await this.#read('discarded.>')).map(({ event }) => event)
  }

  /** The lanes of which somebody has asked for something. */
  asked(): readonly string[] {
    return [...this.#lanes]
      .filter(([, lane]) => [...lane.values()].some(({ event }) => event.asked))
      .map(([name]) => name)
  }

  has(lane: string): boolean {
    return this.#lanes.has(lane)
  }

  /** @returns the oldest of a lane */
  first(lane: string): ParkedEvent | undefined {
    const positions = [...(this.#lanes.get(lane)?.keys() ?? [])]
    return positions.length === 0 ? undefined : this.#lanes.get(lane)?.get(Math.min(...positions))?.event
  }

  /** Adds an event, or changes what is said of it. */
  async put(event: ParkedEvent): Promise<void> {
    const revision = await this.#bucket.put(keyOf('parked', event), JSON.stringify(event))
    this.#note(event, revision)
  }

  /** Changes what is said of an event, if nobody else has changed it since it was read. */
  async replace({ event, revision }: Entry): Promise<void> {
    await this.#bucket.update(keyOf('parked', event), JSON.stringify(event), revision)
  }

  /** Takes out an event that is done. */
  async remove(event: ParkedEvent): Promise<void> {
    await this.#bucket.delete(keyOf('parked', event))
    const lane = this.#lanes.get(event.lane)
    lane?.delete(event.position)
    if (lane?.size === 0) this.#lanes.delete(event.lane)
  }

  /** Gives an event up, and keeps a record of it. */
  async discard(event: ParkedEvent): Promise<void> {
    await this.#bucket.put(keyOf('discarded', event), JSON.stringify(event))
    await this.remove(event)
  }

  #note(event: ParkedEvent, revision: number): void {
    const lane = this.#lanes.get(event.lane) ?? new Map<number, Entry>()
    lane.set(event.position, { event, revision })
    this.#lanes.set(event.lane, lane)
  }

  async #read(filter: string): Promise<readonly Entry[]> {
    // The client's own listing of keys leaves a consumer on the server, each time.
    const before = `$KV.${this.#name}.`
    const { state } = await this.#manager.streams.info(`KV_${this.#name}`, { subjects_filter: before + filter })
    const keys = Object.keys(state.subjects ?? {}).map((subject) => subject.slice(before.length))
    const entries: Entry[] = []
    for (const key of keys) {
      const entry = await this.#bucket.get(key)
      if (entry?.operation === 'PUT') entries.push(decode(entry))
    }
    return entries.sort((left, right) => left.event.position - right.event.position)
  }
}

function decode(entry: KvEntry): Entry {
  return { event: entry.json<ParkedEvent>(), revision: entry.revision }
}

/** Keys of a bucket must do without the percent sign, which tokens of a subject may have. */
function keyOf(kind: 'parked' | 'discarded', { lane, position }: ParkedEvent): string {
  return `${kind}.${lane.replaceAll('%', '=')}.${position}`
}
