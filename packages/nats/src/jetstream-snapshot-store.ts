/** Snapshots in a stream of their own beside the events. */

import { crc32 } from 'node:zlib'
import {
  type AggregateRef,
  checkWholeNumber,
  encodeJson,
  problemWithId,
  type Snapshot,
  type SnapshotStore,
  ValidationError,
} from '@cim/core'
import { BoundedMap } from './messages/bounded-map.ts'
import { type StoredMessage, textOf } from './messages/event-message.ts'
import { toToken } from './messages/event-subject.ts'
import { type DirectReader, mostSubjects, tooMany } from './server/direct-reader.ts'
import { NoAnswer } from './server/inbox.ts'
import type { Patience } from './server/patience.ts'
import type { NewMessage, Publisher } from './server/publisher.ts'

/** What {@link JetStreamSnapshotStore} works with. */
export interface SnapshotStoreParts {
  readonly direct: DirectReader
  readonly publisher: Publisher
  readonly prefix: string
  /** The most bytes that a message may have. */
  readonly maxPayload: number
  readonly newPatience: () => Patience
  readonly assertOpen: () => void
}

/** Stands before the JSON of the state, in the first part. */
interface SnapshotHead extends Omit<Snapshot, 'state'> {
  readonly parts: number
  readonly checksum: number
}

/** How many of its own saves a process remembers, so as not to load older ones. */
const mostRemembered = 10_000

/**
 * The newest snapshot of each aggregate, in as many messages as its size asks for, which are replaced together. A damaged
 * one is none: the aggregate is then loaded from its events.
 */
export class JetStreamSnapshotStore implements SnapshotStore {
  readonly #parts: SnapshotStoreParts
  readonly #saved = new BoundedMap<string, number>(mostRemembered)

  constructor(parts: SnapshotStoreParts) {
    this.#parts = parts
  }

  async loadSnapshot(aggregate: AggregateRef, fingerprint: string): Promise<Snapshot | undefined> {
    this.#parts.assertOpen()
    const subject = this.#subjectOf(aggregate)
    if (subject === undefined) return undefined
    const messages = await this.#parts.newPatience().during('loading a snapshot', () => this.#read(subject))
    const found = decodeSnapshot(subject, messages)
    return found?.fingerprint === fingerprint ? found : undefined
  }

  async saveSnapshot(aggregate: AggregateRef, snapshot: Snapshot): Promise<void> {
    this.#parts.assertOpen()
    const problem = problemWithId(aggregate.aggregateId)
    if (problem !== undefined) {
      throw new ValidationError('aggregate id', [{ pointer: '/aggregateId', message: problem }])
    }
    const subject = this.#subjectOf(aggregate)
    if (subject === undefined) {
      throw new ValidationError('aggregate type', [{ pointer: '/aggregateType', message: 'must not be empty' }])
    }
    checkWholeNumber('saveSnapshot', 'version', snapshot.version, { least: 0 })
    checkWholeNumber('saveSnapshot', 'position', snapshot.position, { least: 0 })
    const messages = encodeSnapshot(subject, snapshot, this.#parts.maxPayload - 4096)
    const [first] = messages
    const { publisher, newPatience } = this.#parts
    const patience = newPatience()
    for (;;) {
      const isSingle = messages.length === 1 && first !== undefined
      const outcome = await (isSingle ? publisher.publish(first) : publisher.publishAll(messages))
      if (outcome.kind === 'stored') {
        this.#saved.set(subject, outcome.sequence)
        return
      }
      await patience.wait('saving a snapshot', outcome.kind === 'unknown' ? outcome.cause : 'it was refused')
    }
  }

  /** @throws {NoAnswer} when a replica is older than what this process has saved */
  async #read(subject: string): Promise<readonly StoredMessage[]> {
    const messages: StoredMessage[] = []
    for (let start: { readonly seq: number; readonly up_to_seq: number } | undefined; ; ) {
      const run = await this.#parts.direct.get({ multi_last: [`${subject}.*`], batch: mostSubjects, ...start })
      if (run === tooMany) return []
      messages.push(...run.messages)
      const last = run.messages.at(-1)
      if (run.isCut && last !== undefined) {
        start = { seq: last.sequence + 1, up_to_seq: start?.up_to_seq ?? run.upTo }
        continue
      }
      if ((last?.sequence ?? 0) >= (this.#saved.get(subject) ?? 0)) return messages
      throw new NoAnswer('a replica lacks a snapshot that was saved', true)
    }
  }

  #subjectOf({ aggregateType, aggregateId }: AggregateRef): string | undefined {
    const [type, id] = [toToken(aggregateType), toToken(aggregateId)]
    return type === undefined || id === undefined ? undefined : `${this.#parts.prefix}snapshots.${type}.${id}`
  }
}

function encodeSnapshot(subject: string, snapshot: Snapshot, mostBytes: number): readonly NewMessage[] {
  const { version, position, timestamp, fingerprint } = snapshot
  const state = Buffer.from(encodeJson(snapshot.state).text)
  const parts = Math.max(1, Math.ceil(state.length / mostBytes))
  const known = { version, position, timestamp, fingerprint }
  const head: SnapshotHead = { ...known, parts, checksum: checksumOf(subject, known, state) }
  return Array.from({ length: parts }, (_, index): NewMessage => {
    const part = state.subarray(index * mostBytes, (index + 1) * mostBytes)
    const body = index === 0 ? Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), part]) : part
    return { subject: `${subject}.${index}`, body }
  })
}

function decodeSnapshot(subject: string, messages: readonly StoredMessage[]): Snapshot | undefined {
  const bodies = new Map(messages.map((message) => [message.subject, message.data]))
  const first = bodies.get(`${subject}.0`)
  const end = first?.indexOf(0x0a) ?? -1
  if (first === undefined || end < 0) return undefined
  try {
    const { parts, checksum, ...known } = JSON.parse(textOf(first.subarray(0, end))) as SnapshotHead
    const more = Array.from(
      { length: parts - 1 },
      (_, index) => bodies.get(`${subject}.${index + 1}`) ?? Buffer.alloc(0),
    )
    const state = Buffer.concat([first.subarray(end + 1), ...more])
    if (checksumOf(subject, known, state) !== checksum) return undefined
    return { ...known, state: JSON.parse(textOf(state)) as unknown }
  } catch {
    return undefined
  }
}

function checksumOf(subject: string, snapshot: Omit<Snapshot, 'state'>, state: Buffer): number {
  const { version, position, timestamp, fingerprint } = snapshot
  return crc32(state, crc32(`${subject} ${version} ${position} ${timestamp} ${fingerprint}\n`))
}
