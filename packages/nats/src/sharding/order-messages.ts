/** What stands in the order log: claims, and folded pages. */

import { StoreCorruptError } from '@cim/core'
import { type StoredMessage, textOf } from '../messages/event-message.ts'
import type { ShardPlace } from './order-page.ts'

/** Subjects of the order log. */
export class OrderSubjects {
  readonly claims: string
  readonly #pages: string

  /** @param prefix with its dot, or empty */
  constructor(prefix: string) {
    this.claims = `${prefix}order.claims`
    this.#pages = `${prefix}order.pages.`
  }

  page(index: number): string {
    return `${this.#pages}${index}`
  }

  isPage(subject: string): boolean {
    return subject.startsWith(this.#pages)
  }
}

/** @returns the body of a claim's message */
export function encodeClaim(claim: readonly ShardPlace[]): string {
  return JSON.stringify(claim)
}

/** @throws {StoreCorruptError} when it is no claim over so many shards */
export function decodeClaim(message: StoredMessage, shards: number): readonly ShardPlace[] {
  try {
    const claim = JSON.parse(textOf(message.data)) as readonly ShardPlace[]
    for (const [shard, place] of claim) {
      const isPlace = Number.isSafeInteger(shard) && shard >= 0 && shard < shards && Number.isSafeInteger(place)
      if (!isPlace) throw new TypeError(`it names place ${place} of shard ${shard}`)
    }
    return claim
  } catch (cause) {
    throw new StoreCorruptError(
      `The message at ${message.sequence} of the order log with the subject ${message.subject} is no claim over ${shards} shards. ` +
        'Let nothing but this store write to its subjects.',
      { cause },
    )
  }
}
