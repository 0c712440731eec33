/** Reads one view. */

import type {
  FindOptions,
  FoundRow,
  IndexValue,
  ListOptions,
  ViewDefinition,
  ViewRow,
  ViewStore,
} from './view-store.ts'

/**
 * A view optimized for queries, as query handlers see it.
 * @see the mission's heading "Read Models"
 */
export interface ReadModel<TView = unknown, TIndex extends string = string> {
  /** @returns the document with that id, undefined when there is none */
  get(id: string): Promise<TView | undefined>
  /** @returns the documents that exist among those asked for, in the order asked for */
  getMany(ids: readonly string[]): Promise<readonly TView[]>
  /** @returns documents found through an index, in the order of value and id; at most 1,000 unless `limit` says more */
  find(index: TIndex, options?: FindOptions): Promise<readonly TView[]>
  /** Like {@link find}, with ids and index values, which `after` takes to go on to the next page. */
  findRows(index: TIndex, options?: FindOptions): Promise<readonly FoundRow<TView>[]>
  /** @returns documents in the order of their ids, page by page */
  list(options?: ListOptions): Promise<readonly ViewRow<TView>[]>
  /** @returns how many documents there are; with an index and a value, how many are found under it */
  count(index?: TIndex, equals?: IndexValue): Promise<number>
}

/** A view, and where it is. */
export interface ReadableView {
  readonly viewStore: Pick<ViewStore, 'getMany' | 'find' | 'list' | 'count'>
  readonly view: ViewDefinition
}

/**
 * @param ready is awaited before every read: waits for the consistency that was asked for, and gives the build to read
 */
export function createReadModel<TView, TIndex extends string>(
  ready: () => Promise<ReadableView>,
): ReadModel<TView, TIndex> {
  return {
    async get(id) {
      const { viewStore, view } = await ready()
      const known = id.toWellFormed()
      return (await viewStore.getMany(view, [known])).get(known) as TView | undefined
    },
    async getMany(ids) {
      const { viewStore, view } = await ready()
      const known = ids.map((id) => id.toWellFormed())
      const found = await viewStore.getMany(view, known)
      return known.flatMap((id) => (found.has(id) ? [found.get(id) as TView] : []))
    },
    async find(index, options) {
      const { viewStore, view } = await ready()
      return (await viewStore.find(view, index, options)).map((row) => row.view as TView)
    },
    async findRows(index, options) {
      const { viewStore, view } = await ready()
      return (await viewStore.find(view, index, options)) as readonly FoundRow<TView>[]
    },
    async list(options) {
      const { viewStore, view } = await ready()
      return (await viewStore.list(view, options)) as readonly ViewRow<TView>[]
    },
    async count(index, equals) {
      const { viewStore, view } = await ready()
      return viewStore.count(view, index, equals)
    },
  }
}
