/** Views of the past that may be asked for again, or be the beginning of a later one. */

import type { MemoryViewStore } from '../memory/memory-view-store.ts'

/** One view at one position. Nothing changes it any more. */
export interface KeptView {
  /** Key of the view. */
  readonly key: string
  readonly position: number
  /** Holds this view alone. */
  readonly viewStore: MemoryViewStore
  /** About how much memory it takes. */
  readonly characters: number
}

/** Keeps those that were used last, within bounds. */
export class KeptViews {
  /** In the order of their last use. */
  readonly #views = new Set<KeptView>()
  readonly #mostViews: number
  readonly #mostCharacters: number
  #characters = 0

  /** @param mostViews how many @param mostCharacters how large all of them together may be */
  constructor(mostViews: number, mostCharacters: number) {
    this.#mostViews = mostViews
    this.#mostCharacters = mostCharacters
  }

  /** How many there are. */
  get size(): number {
    return this.#views.size
  }

  /** @returns the newest one of a view that is not after a position */
  nearest(key: string, position: number): KeptView | undefined {
    let nearest: KeptView | undefined
    for (const view of this.#views) {
      if (view.key !== key || view.position > position) continue
      if (nearest === undefined || view.position > nearest.position) nearest = view
    }
    if (nearest !== undefined) {
      this.#views.delete(nearest)
      this.#views.add(nearest)
    }
    return nearest
  }

  /** Lets others go that were not used for longest. One that is too large by itself is not kept. */
  keep(view: KeptView): void {
    if (view.characters > this.#mostCharacters) return
    this.#views.add(view)
    this.#characters += view.characters
    for (const oldest of this.#views) {
      if (this.#views.size <= this.#mostViews && this.#characters <= this.#mostCharacters) return
      this.#views.delete(oldest)
      this.#characters -= oldest.characters
    }
  }
}
