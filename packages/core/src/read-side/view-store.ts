/** The port that every view store implements. */

import type { Signal } from '../event-store/signal.ts'

/** What an index is over: a string or a finite number. */
export type IndexValue = string | number

/** Gives the values under which a view document is found; an array for several, undefined or null for none. */
export type IndexFunction<TView = never> = (view: TView) => IndexValue | readonly IndexValue[] | null | undefined

/** What a store must know of a view. */
export interface ViewDefinition {
  /** For instance `PersonView`. */
  readonly viewName: string
  /** Another version is another view, built from the beginning. From 1. */
  readonly version: number
  readonly indexes: Readonly<Record<string, IndexFunction>>
}

/** One stored view document. */
export interface ViewRow<TView = unknown> {
  readonly id: string
  readonly view: TView
}

/** One view document that was found through an index. */
export interface FoundRow<TView = unknown> extends ViewRow<TView> {
  /** The value under which it was found. */
  readonly value: IndexValue
}

/**
 * Which documents to find, and how many. Numbers come before strings; strings are ordered by code points; documents with
 * the same value by id. Exactly one of `equals`, `prefix`, and `from`/`before` says which; all when none does.
 */
export interface FindOptions {
  readonly equals?: IndexValue
  /** Strings that begin with this one. */
  readonly prefix?: string
  /** This value and greater ones. */
  readonly from?: IndexValue
  /** Values less than this one. */
  readonly before?: IndexValue
  /** Go on after this row, the last one of the page before. */
  readonly after?: { readonly value: IndexValue; readonly id: string }
  /** 1 to 10,000; 1,000 when left out. */
  readonly limit?: number
}

/** Which documents to list. */
export interface ListOptions {
  /** Only documents whose ids come after this one. */
  readonly afterId?: string
  /** 1 to 10,000; 1,000 when left out. */
  readonly limit?: number
}

/** One document's change in a commit. */
export interface ViewChange {
  /** Any well-formed string. */
  readonly id: string
  /** The document as it was read for this commit, undefined when there was none. */
  readonly before: unknown
  /** The document as it shall be, undefined to delete it. Plain JSON. */
  readonly after: unknown
}

/** All that one batch of events changes. */
export interface ViewCommit {
  /** The checkpoint that the changes were computed on. */
  readonly expectedCheckpoint: number
  /** The new checkpoint. */
  readonly position: number
  /** At most one per document. */
  readonly changes: readonly ViewChange[]
}

/**
 * Keeps view documents with their indexes and checkpoints. A view's documents and its checkpoint change together.
 *
 * What an implementation promises is stated as tests in `viewStoreConformance` of `@cim/testing`.
 */
export interface ViewStore extends AsyncDisposable {
  /** Is notified after each commit in this process. */
  readonly committed: Signal

  /** Makes the view ready for use. Must be called before anything else is done with it. May be called again. */
  openView(view: ViewDefinition): Promise<void>
  /** @returns the position up to which the view has seen everything, 0 when it is new */
  getCheckpoint(view: ViewDefinition): Promise<number>
  /** @returns the documents that exist among those asked for, by id */
  getMany(view: ViewDefinition, ids: readonly string[]): Promise<ReadonlyMap<string, unknown>>
  /**
   * @param index the name of one of the view's indexes
   * @returns rows in the order of value and id; a document with several matching values comes once for each
   * @throws {UnknownNameError} when the view has no such index
   */
  find(view: ViewDefinition, index: string, options?: FindOptions): Promise<readonly FoundRow[]>
  /** @returns documents in the order of their ids */
  list(view: ViewDefinition, options?: ListOptions): Promise<readonly ViewRow[]>
  /** @returns how many documents the view has; with an index and a value, how many are found under it */
  count(view: ViewDefinition, index?: string, equals?: IndexValue): Promise<number>
  /**
   * Applies changes and the new checkpoint: all or nothing.
   * @throws {StaleCheckpointError} when the view's checkpoint is not the expected one
   */
  commit(view: ViewDefinition, commit: ViewCommit): Promise<void>
  close(): Promise<void>
}
