/** The sequences that a processor holds back, and where they stand in the bucket. */

import {
  aggregateKey,
  type checkDiscard,
  type DeadLetterSequence,
  type DiscardedDeadLetter,
  deepFreeze,
} from '@cim/core'
import type { HeldSummary } from './progress-record.ts'

/** One that is held back. */
export interface HeldLetter {
  readonly sequence: DeadLetterSequence
  /** Rises from each that fails to the next. */
  readonly order: number
  readonly slot: number
}

/** By aggregate, those that failed first before the others. */
export type HeldLetters = ReadonlyMap<string, HeldLetter>

/**
 * A change to what is held. Nothing is replaced where it stands: what is new goes into free slots, and counts once the record
 * says so. So a change of any size is made at once, by one message, and one that fails halfway has changed nothing.
 */
export class HeldDraft {
  readonly letters: Map<string, HeldLetter>
  readonly written: HeldLetter[] = []
  readonly freed: HeldLetter[] = []
  readonly discarded: DiscardedDeadLetter[] = []
  readonly #taken: Set<number>
  #order: number
  #slot = 0

  constructor(letters: HeldLetters, { lastOrder }: HeldSummary) {
    this.letters = new Map(letters)
    this.#taken = new Set(Array.from(letters.values(), ({ slot }) => slot))
    this.#order = lastOrder
  }

  put(sequence: DeadLetterSequence): void {
    const key = aggregateKey(sequence)
    const before = this.letters.get(key)
    if (before !== undefined) this.freed.push(before)
    const order = before?.order ?? ++this.#order
    const letter = { sequence: deepFreeze(structuredClone(sequence)), order, slot: this.#freeSlot() }
    this.written.push(letter)
    this.letters.set(key, letter)
  }

  remove(key: string): void {
    const before = this.letters.get(key)
    if (before === undefined) return
    this.freed.push(before)
    this.letters.delete(key)
  }

  clear(): void {
    for (const key of [...this.letters.keys()]) this.remove(key)
  }

  retry(sequence: DeadLetterSequence, now: number): void {
    this.put({ ...sequence, state: 'retrying', nextAttemptAt: new Date(now).toISOString() })
  }

  discard(sequence: DeadLetterSequence, options: ReturnType<typeof checkDiscard>): void {
    const { reason, discardedBy, isFirstOnly, now } = options
    const at = new Date(now).toISOString()
    const { fromSequence, fromPosition, eventCount } = sequence
    const isAll = !isFirstOnly || eventCount <= 1
    const given = isAll ? sequence : { ...sequence, toSequence: fromSequence, toPosition: fromPosition, eventCount: 1 }
    this.discarded.push(deepFreeze({ ...given, reason, discardedBy, discardedAt: at }))
    if (isAll) {
      this.remove(aggregateKey(sequence))
      return
    }
    const behind = { fromSequence: fromSequence + 1, fromPosition: fromPosition + 1, eventCount: eventCount - 1 }
    this.put({ ...sequence, ...behind, attempts: 0, state: 'retrying', nextAttemptAt: at })
  }

  /** @param version that of the record before @returns what the next one is to say */
  summary(version: number): HeldSummary {
    let [retryingSequences, parkedSequences, events] = [0, 0, 0]
    for (const { sequence } of this.letters.values()) {
      if (sequence.state === 'parked') parkedSequences++
      else retryingSequences++
      events += sequence.eventCount
    }
    const slots = encodeSlots(this.letters)
    return { retryingSequences, parkedSequences, events, version: version + 1, slots, lastOrder: this.#order }
  }

  /** The lowest one: as many are ever used as sequences were held at once, and about as many more. */
  #freeSlot(): number {
    while (this.#taken.has(this.#slot)) this.#slot++
    this.#taken.add(this.#slot)
    return this.#slot
  }
}

function encodeSlots(letters: HeldLetters): string {
  const slots = Array.from(letters.values(), ({ slot }) => slot)
  const most = slots.reduce((highest, slot) => Math.max(highest, slot), -1)
  const bits = Buffer.alloc(Math.ceil((most + 1) / 8))
  for (const slot of slots) bits[slot >> 3] = (bits[slot >> 3] ?? 0) | (1 << (slot & 7))
  return bits.toString('base64')
}

/** @returns the slots that count, from the lowest on */
export function decodeSlots(slots: string): readonly number[] {
  const bits = Buffer.from(slots, 'base64')
  return Array.from({ length: bits.length * 8 }, (_, slot) => slot).filter(
    (slot) => ((bits[slot >> 3] ?? 0) & (1 << (slot & 7))) !== 0,
  )
}
