/** What the handlers of projections work with. */

import type { IndexValue, ViewRow } from './view-store.ts'

/**
 * The view as a handler sees it, with all changes so far. Changes are collected and applied in the order of the calls; the
 * documents they need are read together, once from one checkpoint to the next. Documents are frozen: give new ones.
 * An id is any string; half surrogates in it, which cannot be stored as text, are replaced.
 * @throws {LateChangeError} (every method) when the handler has ended already
 */
export interface Views<TView = unknown> {
  /** Puts a document, whether or not one is there. */
  set(id: string, view: TView): void
  /** Replaces a document by what `change` makes of it; `change` gets undefined when there is none, and may return it to leave or delete. */
  update(id: string, change: (view: TView | undefined) => TView | undefined): void
  delete(id: string): void
  /** Reads a document with all changes so far. */
  get(id: string): Promise<TView | undefined>
  /** Finds documents by the value of an index, with all changes so far, in the order of their ids. */
  find(index: string, equals: IndexValue): Promise<readonly ViewRow<TView>[]>
}
