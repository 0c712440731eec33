/** Remembers what the processes of the fault suite have acknowledged, and that it stays true. */

import assert from 'node:assert/strict'
import type { StoredView } from '@cim/core'
import { viewKey } from '@cim/core'
import type { Findings } from './inspection.ts'

/** Hears every process of one folder. */
export class Witness {
  /** By command id. */
  readonly #acknowledged = new Map<string, { readonly aggregateId: string; readonly version: number }>()
  /** Discards of the reaction, whose records stay. */
  #discarded = 0
  #promotions = new Map<string, { readonly key: string; readonly isDone: boolean; readonly head: number }>()
  #live = new Map<string, StoredView>()

  /** @param lines all that one process has said */
  hear(lines: readonly string[]): void {
    this.#promotions = new Map()
    for (const line of lines) {
      const [what, ...words] = line.split(' ')
      if (what === 'acknowledged') this.#hearAcknowledgment(words)
      if (what === 'discarded' && words[0] === 'Letters') this.#discarded += Number(words[1])
      if (what === 'promoting') this.#hearPromotion(words, false)
      if (what === 'promoted') this.#hearPromotion(words, true)
    }
  }

  check({ events, views, discarded }: Findings): void {
    const sequences = new Map<string, number[]>()
    for (const { aggregateId, sequence, metadata } of events) {
      const key = `${metadata.commandId} ${aggregateId}`
      sequences.set(key, [...(sequences.get(key) ?? []), sequence])
    }
    for (const [commandId, { aggregateId, version }] of this.#acknowledged) {
      const stored = sequences.get(`${commandId} ${aggregateId}`)
      assert.equal(stored?.at(-1), version, `${commandId} is stored as it was acknowledged`)
    }
    for (const [key, stored] of sequences) {
      assert.equal((stored.at(-1) ?? 0) - (stored[0] ?? 0) + 1, stored.length, `${key} was done once`)
    }
    assert.ok((discarded.get('Letters') ?? 0) >= this.#discarded, 'the records of what was given up are kept')
    this.#checkLive(views)
  }

  #hearAcknowledgment([commandId = '', aggregateId = '', status, version]: readonly string[]): void {
    assert.equal(status, 'Accepted')
    const known = this.#acknowledged.get(commandId)
    if (known !== undefined) assert.equal(Number(version), known.version, `${commandId} is answered as before`)
    this.#acknowledged.set(commandId, { aggregateId, version: Number(version) })
  }

  #hearPromotion([viewName = '', key = '', head]: readonly string[], isDone: boolean): void {
    const known = this.#promotions.get(viewName)
    this.#promotions.set(viewName, { key, isDone, head: head === undefined ? (known?.head ?? 0) : Number(head) })
  }

  /** Queries read what was promoted, and what was promoted had caught up. */
  #checkLive(views: readonly StoredView[]): void {
    const live = new Map(views.filter(({ state }) => state === 'live').map((view) => [view.viewName, view]))
    for (const [viewName, before] of this.#live) {
      const now = live.get(viewName)
      assert.ok(now !== undefined, `${viewName} has a live build`)
      const promotion = this.#promotions.get(viewName)
      if (promotion?.isDone) assert.equal(viewKey(now), promotion.key, `${viewName}: what was promoted is live`)
      if (viewKey(now) === viewKey(before)) {
        assert.ok(now.checkpoint >= before.checkpoint, `${viewName} does not go back`)
      } else {
        assert.ok(promotion !== undefined, `${viewName}: nobody promoted ${viewKey(now)}`)
        assert.ok(now.checkpoint >= promotion.head, `${viewName}: a build that lags behind was promoted`)
      }
    }
    this.#live = live
  }
}
