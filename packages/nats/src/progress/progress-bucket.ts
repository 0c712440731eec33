/** Reads and writes what the bucket keeps of processors. */

import { type DiscardedDeadLetter, deepFreeze, StoreCorruptError } from '@cim/core'
import { type StoredMessage, textOf } from '../messages/event-message.ts'
import { type DirectReader, mostSubjects, tooMany } from '../server/direct-reader.ts'
import { NoAnswer } from '../server/inbox.ts'
import type { LeaderApi } from '../server/leader-api.ts'
import type { NewMessage, Publisher, PublishOutcome } from '../server/publisher.ts'
import { decodeSlots, type HeldDraft, type HeldLetters } from './held-letters.ts'
import { aggregateKeyOf, decodeLetter, encodeLetter, joinLetter, partsOf, removeLetter } from './letter-messages.ts'
import { decodeRecord, emptyRecord, encodeRecord, type ProgressRecord } from './progress-record.ts'
import { chunkOf, type LetterKind, type ProgressSubjects } from './progress-subjects.ts'

/** The record of a processor, as one message of the bucket has it. */
export interface KnownRecord {
  readonly record: ProgressRecord
  /** Place of the message in the stream; 0 when there is none. */
  readonly sequence: number
}

/** A change that is to be made to a processor. */
export interface BucketChange {
  readonly record: ProgressRecord
  readonly draft: HeldDraft | undefined
}

/** What {@link ProgressBucket} works with. */
export interface ProgressBucketParts {
  readonly direct: DirectReader
  readonly leader: LeaderApi
  readonly publisher: Publisher
  /** The most bytes that a message may have. */
  readonly maxPayload: number
}

/** A server takes 1,000 messages at once, the record among them. */
const mostLetters = 999
const mostBatchBytes = 16 * 1024 * 1024

export class ProgressBucket {
  readonly #parts: ProgressBucketParts

  constructor(parts: ProgressBucketParts) {
    this.#parts = parts
  }

  /** @returns the newest record, as the leader has it @throws {NoAnswer} when no leader answers */
  async read(subjects: ProgressSubjects, processorName: string): Promise<KnownRecord> {
    const message = await this.#parts.leader.lastMatching(subjects.record)
    const isThere = message !== undefined && message.data.length > 0
    return {
      record: isThere ? decodeRecord(message.data) : emptyRecord(processorName),
      sequence: message?.sequence ?? 0,
    }
  }

  /** @throws {NoAnswer} when a replica is behind the record, or what is held has changed since */
  async readHeld(subjects: ProgressSubjects, known: KnownRecord): Promise<HeldLetters> {
    const slots = decodeSlots(known.record.held.slots)
    const texts = await this.#readLetters(subjects, known, 'held', slots)
    const letters = slots.map((slot) => ({ slot, ...decodeLetter(texts.get(slot) ?? '') }))
    letters.sort((one, other) => one.order - other.order)
    return new Map(letters.map((letter) => [aggregateKeyOf(letter), deepFreeze(letter)]))
  }

  /** @returns the newest ones, the newest first @throws {NoAnswer} when a replica is behind the record */
  async readDiscarded(
    subjects: ProgressSubjects,
    known: KnownRecord,
    limit: number,
  ): Promise<readonly DiscardedDeadLetter[]> {
    const newest = known.record.discarded
    const numbers = Array.from({ length: Math.min(limit, newest) }, (_, index) => newest - index)
    const texts = await this.#readLetters(subjects, known, 'discarded', numbers)
    return numbers.map((number) => {
      const record = JSON.parse(texts.get(number) ?? '') as DiscardedDeadLetter
      // JSON leaves out what is undefined.
      const { nextAttemptAt, discardedBy } = record
      return deepFreeze({ ...record, nextAttemptAt, discardedBy })
    })
  }

  /**
   * Makes a change, unless somebody has made another since the record was read. What is held goes before the record, in as many
   * steps as it takes; each of them names the newest record, so that whoever has lost the processor writes nothing at all.
   */
  async write(subjects: ProgressSubjects, known: KnownRecord, change: BucketChange): Promise<PublishOutcome> {
    const { draft, record } = change
    const steps = inSteps(draft === undefined ? [] : this.#lettersOf(subjects, known.record, draft))
    const cleared = draft?.freed.map((letter) => removeLetter(subjects, letter)) ?? []
    const last = steps.pop() ?? []
    let newest = known.sequence
    for (const step of steps) {
      const outcome = await this.#publish(subjects, step, known.record, newest)
      if (outcome.kind !== 'stored') return outcome
      newest = outcome.sequence
    }
    last.push(...cleared.splice(0, mostLetters - last.length))
    const outcome = await this.#publish(subjects, last, record, newest)
    if (outcome.kind !== 'stored') return outcome
    return { kind: 'stored', sequence: await this.#clear(subjects, record, outcome.sequence, cleared) }
  }

  /** The change is made. Whatever else is over is cleared away, so that nobody lists it; that it fails does not matter. */
  async #clear(
    subjects: ProgressSubjects,
    record: ProgressRecord,
    sequence: number,
    cleared: readonly NewMessage[],
  ): Promise<number> {
    let newest = sequence
    try {
      for (const step of inSteps(cleared)) {
        const outcome = await this.#publish(subjects, step, record, newest)
        if (outcome.kind !== 'stored') break
        newest = outcome.sequence
      }
    } catch {
      // The next change looks where the record is.
    }
    return newest
  }

  #lettersOf(subjects: ProgressSubjects, { discarded }: ProgressRecord, draft: HeldDraft): readonly NewMessage[] {
    const mostBytes = this.#parts.maxPayload - 4096
    const written = draft.written.map(({ slot, order, sequence }) =>
      encodeLetter(subjects, 'held', slot, { order, sequence }, mostBytes),
    )
    const given = draft.discarded.map((letter, index) =>
      encodeLetter(subjects, 'discarded', discarded + index + 1, letter, mostBytes),
    )
    return [...written, ...given].flat()
  }

  #publish(
    subjects: ProgressSubjects,
    letters: readonly NewMessage[],
    record: ProgressRecord,
    newest: number,
  ): Promise<PublishOutcome> {
    const message = { subject: subjects.record, body: encodeRecord(record), slot: subjects.record, newest }
    const { publisher } = this.#parts
    return letters.length === 0 ? publisher.publish(message) : publisher.publishAll([...letters, message])
  }

  async #readLetters(
    subjects: ProgressSubjects,
    known: KnownRecord,
    kind: LetterKind,
    numbers: readonly number[],
  ): Promise<ReadonlyMap<number, string>> {
    const texts = new Map<number, string>()
    const wanted = new Map(numbers.map((number) => [subjects.letter(kind, number), number]))
    for (const chunk of new Set(numbers.map(chunkOf))) {
      for (const { subject, data } of await this.#snapshot(subjects, known, subjects.chunk(kind, chunk))) {
        const number = wanted.get(subject)
        if (number !== undefined) texts.set(number, textOf(data))
      }
    }
    for (const number of numbers) {
      const parts = partsOf(texts.get(number) ?? missing(subjects.letter(kind, number)))
      if (parts === undefined) continue
      const messages = await this.#snapshot(subjects, known, subjects.part(kind, number, '*'))
      texts.set(number, joinLetter(subjects, kind, number, parts, messages) ?? missing(subjects.letter(kind, number)))
    }
    return texts
  }

  /**
   * Reads letters together with the record, which every change replaces after the letters: the record that came with them tells
   * whether they are those that it speaks of.
   */
  async #snapshot(subjects: ProgressSubjects, known: KnownRecord, filter: string): Promise<readonly StoredMessage[]> {
    const messages: StoredMessage[] = []
    for (let start: { readonly seq: number; readonly up_to_seq: number } | undefined; ; ) {
      const run = await this.#parts.direct.get({
        multi_last: [filter, subjects.record],
        batch: mostSubjects,
        ...start,
      })
      if (run === tooMany) missing(filter)
      messages.push(...run.messages)
      const last = run.messages.at(-1)
      if (!run.isCut || last === undefined) break
      start = { seq: last.sequence + 1, up_to_seq: start?.up_to_seq ?? run.upTo }
    }
    const found = messages.find(({ subject }) => subject === subjects.record)
    const isNew = found !== undefined && found.sequence >= known.sequence
    if (!isNew) throw new NoAnswer('a replica lacks what its leader has of a processor', true)
    if (decodeRecord(found.data).held.version === known.record.held.version) return messages
    throw new NoAnswer('what a processor holds back has changed while it was read', true)
  }
}

/** @returns what goes into one batch each */
function inSteps(letters: readonly NewMessage[]): NewMessage[][] {
  const steps: NewMessage[][] = []
  let bytes = 0
  for (const letter of letters) {
    const step = steps.at(-1)
    bytes += letter.body.length
    if (step !== undefined && step.length < mostLetters && bytes <= mostBatchBytes) step.push(letter)
    else {
      steps.push([letter])
      bytes = letter.body.length
    }
  }
  return steps
}

function missing(place: string): never {
  throw new StoreCorruptError(
    `The bucket of the processors lacks ${place}, of which its record speaks, or has more there than it should. Somebody has changed ` +
      'the bucket with another program: look at it with `nats kv`, and discard the dead letters of the processor, or move it.',
  )
}
