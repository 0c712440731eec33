/** Where the progress of a processor stands in the bucket. */

import { toToken } from '../messages/event-subject.ts'

/** Letters of one kind are read so many at a time: a server gives 1,024 subjects at most, and the record is one more. */
export const chunkSize = 1000

/** What has keys of its own: sequences that are held back, by slot, and records of what was given up, by number. */
export type LetterKind = 'held' | 'discarded'

/** The keys of one processor, as subjects: `$KV.<bucket>.<processor>.…`, as `nats kv` shows them. */
export class ProgressSubjects {
  /** Of the record, which every change replaces. */
  readonly record: string
  readonly #root: string

  /** @returns undefined for a name that no processor can have: nothing is stored under it */
  static of(bucket: string, processorName: string): ProgressSubjects | undefined {
    const token = toToken(processorName)
    // Keys of a bucket must do without the percent sign.
    return token === undefined ? undefined : new ProgressSubjects(`$KV.${bucket}.${token.replaceAll('%', '=')}`)
  }

  private constructor(root: string) {
    this.#root = root
    this.record = `${root}.progress`
  }

  letter(kind: LetterKind, number: number): string {
    return `${this.#root}.${kind}.${chunkOf(number)}.${number}`
  }

  /** @returns a filter for up to {@link chunkSize} letters */
  chunk(kind: LetterKind, chunk: number): string {
    return `${this.#root}.${kind}.${chunk}.*`
  }

  /** Of a letter that is too large for one message. */
  part(kind: LetterKind, number: number, part: number | '*'): string {
    return `${this.#root}.${kind}-parts.${number}.${part}`
  }
}

export function chunkOf(number: number): number {
  return Math.floor(number / chunkSize)
}
