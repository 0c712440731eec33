/** Dead letters as messages of the bucket: JSON in one message, or in several when it is too large for one. */

import { aggregateKey, type DeadLetterSequence } from '@cim/core'
import type { StoredMessage } from '../messages/event-message.ts'
import type { NewMessage } from '../server/publisher.ts'
import type { HeldLetter } from './held-letters.ts'
import type { LetterKind, ProgressSubjects } from './progress-subjects.ts'

interface Parted {
  readonly parts: number
}

const partedPattern = /^\{"parts":\d+\}$/
/** What `nats kv` takes for a key that was deleted. */
const deleted = 'KV-Operation: DEL\r\n'

/** @param mostBytes that a message may have */
export function encodeLetter(
  subjects: ProgressSubjects,
  kind: LetterKind,
  number: number,
  letter: object,
  mostBytes: number,
): readonly NewMessage[] {
  const subject = subjects.letter(kind, number)
  const body = Buffer.from(JSON.stringify(letter))
  if (body.length <= mostBytes) return [{ subject, body }]
  const count = Math.ceil(body.length / mostBytes)
  const parts = Array.from({ length: count }, (_, part) => ({
    subject: subjects.part(kind, number, part),
    body: body.subarray(part * mostBytes, (part + 1) * mostBytes),
  }))
  return [...parts, { subject, body: JSON.stringify({ parts: count } satisfies Parted) }]
}

/** Clears one away that is held no longer. Its parts stay until its slot is used again: nothing reads them. */
export function removeLetter(subjects: ProgressSubjects, { slot }: HeldLetter): NewMessage {
  return { subject: subjects.letter('held', slot), body: '', headers: deleted }
}

/** @returns in how many parts it stands elsewhere, undefined when it is whole */
export function partsOf(text: string): number | undefined {
  return partedPattern.test(text) ? (JSON.parse(text) as Parted).parts : undefined
}

/** @returns the text of its parts, undefined when one is missing */
export function joinLetter(
  subjects: ProgressSubjects,
  kind: LetterKind,
  number: number,
  count: number,
  messages: readonly StoredMessage[],
): string | undefined {
  const bodies = new Map(messages.map(({ subject, data }) => [subject, data]))
  const parts: Uint8Array[] = []
  for (let part = 0; part < count; part++) {
    const data = bodies.get(subjects.part(kind, number, part))
    if (data === undefined) return undefined
    parts.push(data)
  }
  return Buffer.concat(parts).toString('utf8')
}

/** @returns a sequence that is held back, with its place in the order */
export function decodeLetter(text: string): Omit<HeldLetter, 'slot'> {
  const { order, sequence } = JSON.parse(text) as { readonly order: number; readonly sequence: DeadLetterSequence }
  // JSON leaves out what is undefined.
  return { order, sequence: { ...sequence, nextAttemptAt: sequence.nextAttemptAt } }
}

export function aggregateKeyOf({ sequence }: HeldLetter): string {
  return aggregateKey(sequence)
}
