/** In-line views, as queries read them. */

import {
  type FindOptions,
  type FoundRow,
  type IndexValue,
  type InlineViewSource,
  type ListOptions,
  type ProjectionDefinition,
  type Signal,
  UnknownNameError,
  type ViewDefinition,
  type ViewRow,
  viewKey,
} from '@cim/core'
import type { InlineViews } from './inline-views.ts'
import type { ViewTables } from './view-tables.ts'

/** What {@link SqliteInlineViews} needs of its event store. */
export interface InlineViewHost {
  /** Is notified after each append. */
  readonly appended: Signal
  /** The position of the newest event. */
  readonly position: () => number
  /** Runs something as long as the store is open. */
  readonly read: <TResult>(work: () => TResult) => TResult
}

/** Made by {@link SqliteEventStore}. */
export class SqliteInlineViews implements InlineViewSource {
  readonly projections: readonly ProjectionDefinition[]
  readonly viewStore: InlineViewSource['viewStore']

  constructor(views: InlineViews, { appended, position, read }: InlineViewHost) {
    this.projections = views.projections
    const tablesOf = (view: ViewDefinition): ViewTables => {
      const tables = views.tablesOf(viewKey(view))
      if (tables === undefined)
        throw new UnknownNameError('unknown-view', viewKey(view), views.projections.map(viewKey))
      return tables
    }
    this.viewStore = {
      committed: appended,
      getCheckpoint: async () => read(position),
      getMany: async (view: ViewDefinition, ids: readonly string[]): Promise<ReadonlyMap<string, unknown>> =>
        read(() => views.reader.getMany(view, tablesOf(view), ids)),
      find: async (view: ViewDefinition, index: string, options?: FindOptions): Promise<readonly FoundRow[]> =>
        read(() => views.reader.find(view, tablesOf(view), index, options)),
      list: async (view: ViewDefinition, options?: ListOptions): Promise<readonly ViewRow[]> =>
        read(() => views.reader.list(view, tablesOf(view), options)),
      count: async (view: ViewDefinition, index?: string, equals?: IndexValue): Promise<number> =>
        read(() => views.reader.count(view, tablesOf(view), index, equals)),
    }
  }
}
