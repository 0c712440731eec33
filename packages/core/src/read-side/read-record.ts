/** What the handler of a query has read, and whether a commit touches it. */

import { compareIndexValues, indexValuesOf } from './index-values.ts'
import type { ReadableView } from './read-model.ts'
import {
  type CommittedChanges,
  type FindOptions,
  type IndexValue,
  type StoredView,
  type ViewChange,
  type ViewStore,
  viewKey,
} from './view-store.ts'

interface FindRead {
  readonly index: string
  readonly options: FindOptions
}

/** What was read of one build of a view. */
interface ViewReads {
  readonly viewName: string
  readonly ids: Set<string>
  readonly finds: FindRead[]
  /** So much, or in such a way, that every change counts. */
  isWhole: boolean
  /** The checkpoint that is known of it, undefined while it is asked for. */
  checkpoint: number | undefined
}

/** Who reads more than that has read the whole view. */
const mostIds = 10_000
const mostFinds = 100

/** Listens in while a query is answered. Reads are noted before they are made, so that no commit slips in between. */
export class ReadRecord {
  readonly #views = new Map<string, ViewReads>()
  readonly #checkpoints: Pick<ViewStore, 'getCheckpoint'>
  #position: number | undefined

  constructor(viewStore: Pick<ViewStore, 'getCheckpoint'>) {
    this.#checkpoints = viewStore
  }

  /** What was read had seen every event up to here; 0 when nothing was read. */
  get position(): number {
    return this.#position ?? 0
  }

  get viewNames(): readonly string[] {
    return [...this.#views.values()].map(({ viewName }) => viewName)
  }

  /** @returns the same view, whose reads are noted */
  async observe({ viewStore, view }: ReadableView): Promise<ReadableView> {
    const key = viewKey(view)
    let reads = this.#views.get(key)
    if (reads === undefined) {
      reads = { viewName: view.viewName, ids: new Set(), finds: [], isWhole: false, checkpoint: undefined }
      this.#views.set(key, reads)
      const checkpoint = await this.#checkpoints.getCheckpoint(view)
      reads.checkpoint = Math.max(checkpoint, reads.checkpoint ?? 0)
      this.#position = Math.min(checkpoint, this.#position ?? checkpoint)
    }
    return { view, viewStore: observed(viewStore, reads) }
  }

  /** Notes that a view has moved on. @returns whether the commit changes anything that was read */
  isTouchedBy({ view, position, changes }: CommittedChanges): boolean {
    const reads = this.#views.get(viewKey(view))
    if (reads === undefined) return false
    reads.checkpoint = position
    return changes.some((change) => touches(change, reads, view))
  }

  /** @param builds of a view that was read @returns whether it has moved on unheard, or another build is read now */
  isOutdated(builds: readonly StoredView[]): boolean {
    return builds.some((build) => {
      const reads = this.#views.get(viewKey(build))
      return reads === undefined ? build.state === 'live' : build.checkpoint !== reads.checkpoint
    })
  }
}

function observed(viewStore: ReadableView['viewStore'], reads: ViewReads): ReadableView['viewStore'] {
  return {
    getMany(view, ids) {
      for (const id of ids) reads.ids.add(id)
      if (reads.ids.size > mostIds) reads.isWhole = true
      return viewStore.getMany(view, ids)
    },
    find(view, index, options = {}) {
      noteFind(reads, index, options)
      return viewStore.find(view, index, options)
    },
    list(view, options) {
      reads.isWhole = true
      return viewStore.list(view, options)
    },
    count(view, index, equals) {
      if (index === undefined) reads.isWhole = true
      else noteFind(reads, index, equals === undefined ? {} : { equals })
      return viewStore.count(view, index, equals)
    },
  }
}

function noteFind(reads: ViewReads, index: string, options: FindOptions): void {
  reads.finds.push({ index, options })
  if (reads.finds.length > mostFinds) reads.isWhole = true
}

function touches(change: ViewChange, reads: ViewReads, view: CommittedChanges['view']): boolean {
  if (reads.isWhole || reads.ids.has(change.id)) return true
  return reads.finds.some(({ index, options }) => {
    const isFound = (document: unknown): boolean =>
      indexValuesOf(view, index, document).some((value) => isInRange(value, options))
    return isFound(change.before) || isFound(change.after)
  })
}

/** A limit is left out of account: a document that comes in pushes another one out. */
function isInRange(value: IndexValue, { equals, prefix, from, before, after }: FindOptions): boolean {
  if (equals !== undefined) return compareIndexValues(value, wellFormed(equals)) === 0
  if (prefix !== undefined) return typeof value === 'string' && value.startsWith(prefix.toWellFormed())
  if (after !== undefined && compareIndexValues(value, wellFormed(after.value)) < 0) return false
  if (from !== undefined && compareIndexValues(value, wellFormed(from)) < 0) return false
  return before === undefined || compareIndexValues(value, wellFormed(before)) < 0
}

function wellFormed(value: IndexValue): IndexValue {
  return typeof value === 'string' ? value.toWellFormed() : value
}
