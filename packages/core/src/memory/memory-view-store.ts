/** A view store in memory. */

import { UnknownNameError } from '../errors/input-errors.ts'
import { ViewLiveError, ViewNotReadyError, ViewPromotedError } from '../errors/processing-errors.ts'
import { StaleCheckpointError, StoreClosedError } from '../errors/store-errors.ts'
import { Feed } from '../event-store/feed.ts'
import { encodeJson } from '../event-store/json.ts'
import { Signal } from '../event-store/signal.ts'
import {
  checkFindOptions,
  checkListOptions,
  compareIndexValues,
  compareStrings,
  indexValuesOf,
} from '../read-side/index-values.ts'
import {
  type CommittedChanges,
  type FindOptions,
  type FoundRow,
  type IndexValue,
  type ListOptions,
  type OpenViewOptions,
  type StoredView,
  type ViewCommit,
  type ViewDefinition,
  type ViewRow,
  type ViewStore,
  viewKey,
} from '../read-side/view-store.ts'
import { MemoryProgressStore } from './memory-progress-store.ts'

interface KeptView {
  readonly viewName: string
  readonly version: number
  readonly build: number
  state: StoredView['state']
  promotedAt: string | undefined
  promotion: number | undefined
  checkpoint: number
  /** Documents as text, so that a reader can never change them. */
  readonly documents: Map<string, string>
}

/** Keeps documents in maps and looks through all of them to find some: for tests and small data. */
export class MemoryViewStore implements ViewStore {
  readonly committed: Signal = new Signal()
  readonly changes: Feed<CommittedChanges> = new Feed()
  readonly progressStore: MemoryProgressStore = new MemoryProgressStore(this.committed)
  readonly #views = new Map<string, KeptView>()
  #isClosed = false

  async openView(view: ViewDefinition, { mustExist = false }: OpenViewOptions = {}): Promise<void> {
    this.#assertOpen()
    const { viewName, version, build = 1 } = view
    const key = viewKey(view)
    if (mustExist || this.#views.has(key)) this.#find(view)
    else {
      const neverPromoted = { state: 'building', promotedAt: undefined, promotion: undefined } as const
      this.#views.set(key, { viewName, version, build, ...neverPromoted, checkpoint: 0, documents: new Map() })
    }
  }

  async getCheckpoint(view: ViewDefinition): Promise<number> {
    return this.#find(view).checkpoint
  }

  async getMany(view: ViewDefinition, ids: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
    const { documents } = this.#find(view)
    const found = new Map<string, unknown>()
    for (const id of ids) {
      const text = documents.get(id)
      if (text !== undefined) found.set(id, JSON.parse(text))
    }
    return found
  }

  async find(view: ViewDefinition, index: string, options?: FindOptions): Promise<readonly FoundRow[]> {
    const wanted = checkFindOptions(`${view.viewName}.${index}`, options)
    const rows: FoundRow[] = []
    for (const row of this.#rows(view)) {
      for (const value of indexValuesOf(view, index, row.view)) {
        if (isFound(value, wanted) && isAfter({ ...row, value }, wanted.after)) rows.push({ ...row, value })
      }
    }
    indexValuesOf(view, index, undefined)
    return rows.sort(compareRows).slice(0, wanted.limit)
  }

  async list(view: ViewDefinition, options?: ListOptions): Promise<readonly ViewRow[]> {
    const { afterId, limit } = checkListOptions(view.viewName, options)
    const rows = this.#rows(view).filter(({ id }) => afterId === undefined || compareStrings(id, afterId) > 0)
    return rows.sort((one, other) => compareStrings(one.id, other.id)).slice(0, limit)
  }

  async count(view: ViewDefinition, index?: string, equals?: IndexValue): Promise<number> {
    if (index === undefined) return this.#find(view).documents.size
    const wanted = checkFindOptions(`${view.viewName}.${index}`, equals === undefined ? {} : { equals })
    indexValuesOf(view, index, undefined)
    return this.#rows(view).filter((row) =>
      indexValuesOf(view, index, row.view).some((value) => isFound(value, wanted)),
    ).length
  }

  async commit(view: ViewDefinition, commit: ViewCommit): Promise<void> {
    const stored = this.#find(view)
    // Everything that can fail comes before the first change. An owner that was displaced is told that, whatever else is wrong.
    if (commit.progress !== undefined) this.progressStore.checkSave(commit.progress)
    if (stored.checkpoint !== commit.expectedCheckpoint) {
      throw new StaleCheckpointError(view.viewName, commit.expectedCheckpoint, stored.checkpoint)
    }
    const texts = commit.changes.map(({ id, after }) => {
      for (const index of Object.keys(view.indexes)) indexValuesOf(view, index, after)
      return { id, text: after === undefined ? undefined : encodeJson(after).text }
    })
    for (const { id, text } of texts) {
      if (text === undefined) stored.documents.delete(id)
      else stored.documents.set(id, text)
    }
    stored.checkpoint = commit.position
    if (commit.progress !== undefined) this.progressStore.applySave(commit.progress)
    if (this.changes.isHeard) this.changes.publish({ view, position: commit.position, changes: commit.changes })
    this.committed.notify()
  }

  async listViews(viewName?: string): Promise<readonly StoredView[]> {
    this.#assertOpen()
    const all = [...this.#views.values()].filter((view) => viewName === undefined || view.viewName === viewName)
    all.sort(
      (one, other) =>
        compareStrings(one.viewName, other.viewName) || one.version - other.version || one.build - other.build,
    )
    return all.map(({ documents, ...view }) => view)
  }

  async promoteView(
    view: ViewDefinition,
    expectedLive: string | undefined,
    now: number,
    leastCheckpoint = 0,
  ): Promise<void> {
    const promoted = this.#find(view)
    const { checkpoint } = promoted
    if (checkpoint < leastCheckpoint) throw new ViewNotReadyError(viewKey(view), checkpoint, leastCheckpoint)
    const builds = [...this.#views.values()].filter(({ viewName }) => viewName === view.viewName)
    const live = builds.find(({ state }) => state === 'live')
    const actualLive = live === undefined ? undefined : viewKey(live)
    if (actualLive !== expectedLive) throw new ViewPromotedError(viewKey(view), expectedLive, actualLive)
    if (live !== undefined) live.state = 'retired'
    promoted.state = 'live'
    promoted.promotedAt = new Date(now).toISOString()
    promoted.promotion = Math.max(...builds.map(({ promotion = 0 }) => promotion)) + 1
    this.committed.notify()
  }

  async dropView(view: Pick<ViewDefinition, 'viewName' | 'version' | 'build'>): Promise<void> {
    this.#assertOpen()
    const key = viewKey(view)
    const kept = this.#views.get(key)
    if (kept?.state === 'live') throw new ViewLiveError(key)
    this.#views.delete(key)
    this.progressStore.drop(key)
    this.committed.notify()
  }

  /** Takes over a view as another store has it now: its documents, its checkpoint, and its processor's progress. */
  copyView(view: ViewDefinition, from: MemoryViewStore): void {
    const kept = from.#find(view)
    this.#assertOpen()
    this.#views.set(viewKey(view), { ...kept, documents: new Map(kept.documents) })
    this.progressStore.copyProgress(viewKey(view), from.progressStore)
  }

  /** @returns about how many characters the documents of a view take, their ids included */
  sizeOf(view: ViewDefinition): number {
    let characters = 0
    for (const [id, text] of this.#find(view).documents) characters += id.length + text.length
    return characters
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.committed.notify()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #rows(view: ViewDefinition): ViewRow[] {
    return [...this.#find(view).documents].map(([id, text]) => ({ id, view: JSON.parse(text) as unknown }))
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new StoreClosedError('The view store is closed. Open a new one.')
  }

  #find(view: ViewDefinition): KeptView {
    this.#assertOpen()
    const known = this.#views.get(viewKey(view))
    if (known === undefined) throw new UnknownNameError('unknown-view', viewKey(view), this.#views.keys())
    return known
  }
}

function isFound(value: IndexValue, { equals, prefix, from, before }: FindOptions): boolean {
  if (equals !== undefined) return value === equals
  if (prefix !== undefined) return typeof value === 'string' && value.startsWith(prefix)
  if (from !== undefined && compareIndexValues(value, from) < 0) return false
  return before === undefined || compareIndexValues(value, before) < 0
}

function isAfter(row: FoundRow, after: FindOptions['after']): boolean {
  return after === undefined || (compareIndexValues(row.value, after.value) || compareStrings(row.id, after.id)) > 0
}

function compareRows(one: FoundRow, other: FoundRow): number {
  return compareIndexValues(one.value, other.value) || compareStrings(one.id, other.id)
}
