/** The port that every view store implements. */

import type { ProgressSave, ProgressStore } from '../event-processing/progress-store.ts'
import type { Feed } from '../event-store/feed.ts'
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
  /** Each time the same version is built anew, another number: from 1, which is also meant when it is left out. */
  readonly build?: number
  readonly indexes: Readonly<Record<string, IndexFunction>>
}

/** @returns a name for one build of one version of a view: `PersonView@2`, or `PersonView@2.3` for its third build */
export function viewKey({
  viewName,
  version,
  build = 1,
}: Pick<ViewDefinition, 'viewName' | 'version' | 'build'>): string {
  return build === 1 ? `${viewName}@${version}` : `${viewName}@${version}.${build}`
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
  /** The progress of the processor that computed them, saved in the same transaction. */
  readonly progress?: ProgressSave
}

/** What a commit has changed. */
export interface CommittedChanges extends Pick<ViewCommit, 'position' | 'changes'> {
  readonly view: ViewDefinition
}

/** Views that an event store keeps itself, in the transaction that appends: they never lag. */
export interface InlineViewSource {
  readonly projections: readonly (ViewDefinition & { readonly subjectPatterns: readonly string[] })[]
  /** For reading. */
  readonly viewStore: Pick<ViewStore, 'committed' | 'getCheckpoint' | 'getMany' | 'find' | 'list' | 'count'>
}

/** One build of a view, as a store knows it. */
export interface StoredView {
  readonly viewName: string
  readonly version: number
  readonly build: number
  /** `building`: queries do not read it yet. `live`: they do. `retired`: they did before another one took its place. */
  readonly state: 'building' | 'live' | 'retired'
  readonly checkpoint: number
  /** When it became live the last time, ISO-8601: for people. A clock may be set back. */
  readonly promotedAt: string | undefined
  /** Rises with each promotion among the builds of all versions of the view: who was live last has the highest one. */
  readonly promotion: number | undefined
}

/** How {@link ViewStore.openView} opens. */
export interface OpenViewOptions {
  /** The view must be there: it is not made. */
  readonly mustExist?: boolean
}

/**
 * Keeps view documents with their indexes and checkpoints. A view's documents and its checkpoint change together.
 *
 * What an implementation promises is stated as tests in `viewStoreConformance` of `@cim/testing`.
 */
export interface ViewStore extends AsyncDisposable {
  /** Is notified after each commit in this process. */
  readonly committed: Signal
  /**
   * Tells what each {@link commit} in this process has changed, just before `committed` is notified of it; nothing else is
   * told. A store that leaves it out has live queries evaluated after every commit to a view that they read.
   */
  readonly changes?: Feed<CommittedChanges>
  /** The progress of the processors that keep the views, in the same place: one commit saves both. */
  readonly progressStore: ProgressStore

  /**
   * Makes the view ready for use; a new one is `building`. Must be called before anything else is done with it. May be
   * called again.
   * @throws {UnknownNameError} when it must exist and does not
   */
  openView(view: ViewDefinition, options?: OpenViewOptions): Promise<void>
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
   * Applies changes, the new checkpoint, and the processor's progress when it is given: all or nothing.
   * @throws {StaleCheckpointError} when the view's checkpoint is not the expected one
   * @throws {StaleOwnerError | DeadLettersChangedError} as {@link ProgressStore.saveProgress} does
   */
  commit(view: ViewDefinition, commit: ViewCommit): Promise<void>
  /** @returns every build of every version of a view, or of all views, by name, version and build */
  listViews(viewName?: string): Promise<readonly StoredView[]>
  /**
   * Makes a build the live one and retires the one before, both at once.
   * @param view opened before
   * @param expectedLive key of the build that is live now (see {@link viewKey}), undefined when there is none
   * @param now milliseconds since 1970
   * @param leastCheckpoint the position that the build must have seen at least; 0 when left out
   * @throws {UnknownNameError} when there is no such build (any more)
   * @throws {ViewNotReadyError} when the build has not seen enough
   * @throws {ViewPromotedError} when another build is live than expected
   */
  promoteView(
    view: ViewDefinition,
    expectedLive: string | undefined,
    now: number,
    leastCheckpoint?: number,
  ): Promise<void>
  /**
   * Deletes a build with its documents, its progress and its dead letters. Does nothing when there is none.
   * @throws {ViewLiveError} when it is live
   */
  dropView(view: Pick<ViewDefinition, 'viewName' | 'version' | 'build'>): Promise<void>
  close(): Promise<void>
}
