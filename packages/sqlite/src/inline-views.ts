/**
 * Views that never lag: they lie in the event store's own file, and change in the transaction that appends the events.
 */

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import {
  type DomainEventEnvelope,
  decodeEvent,
  deepFreeze,
  encodeJson,
  InlineProjectionError,
  InvalidDefinitionError,
  indexValuesOf,
  LateChangeError,
  type ProjectionDefinition,
  StoreCorruptError,
  type SubjectMatcher,
  subjectMatcher,
  type Views,
  viewKey,
} from '@cim/core'
import { ViewReader } from './view-reader.ts'
import { findOrMakeView, prepareViewTables, type ViewTables } from './view-tables.ts'

/** A document within the transaction under way. */
interface Slot {
  /** As the file has it. */
  readonly before: unknown
  after: unknown
}

/** What a document was before a change. */
interface Undo {
  readonly slots: Map<string, Slot>
  readonly id: string
  /** Undefined when it was not read before. */
  readonly slot: Slot | undefined
  readonly after: unknown
}

interface InlineView {
  readonly projection: ProjectionDefinition
  readonly tables: ViewTables
  readonly matches: SubjectMatcher
  readonly setCheckpoint: StatementSync
  checkpoint: number
  /** Documents that the transaction under way has read. */
  readonly slots: Map<string, Slot>
}

/** Projects events into the tables of some views, inside the caller's transaction. */
export class InlineViews {
  readonly reader: ViewReader
  readonly #path: string
  readonly #views: readonly InlineView[]

  /** Inside a transaction: finds or makes the tables. */
  constructor(database: DatabaseSync, path: string, projections: readonly ProjectionDefinition[]) {
    this.reader = new ViewReader(database, path)
    this.#path = path
    const keys = projections.map(viewKey)
    const twice = keys.find((key, index) => keys.indexOf(key) !== index)
    if (twice !== undefined) throw new InvalidDefinitionError(`In-line projection ${twice} is given twice.`)
    this.#views = projections.map((projection) => {
      const found = findOrMakeView(database, projection)
      if (found === 'other-indexes') {
        throw new InvalidDefinitionError(
          `View ${projection.viewName}: version ${projection.version} was built with other indexes than it now declares. ` +
            'Raise its version, to build it anew.',
        )
      }
      const tables = prepareViewTables(database, database, projection, found)
      const { checkpoint } = tables.read.selectCheckpoint.get(tables.key) as { readonly checkpoint: number }
      const setCheckpoint = database.prepare('UPDATE views SET checkpoint = ? WHERE key = ?')
      const matches = subjectMatcher(projection.subjectPatterns)
      return { projection, tables, matches, setCheckpoint, checkpoint, slots: new Map() }
    })
  }

  get projections(): readonly ProjectionDefinition[] {
    return this.#views.map(({ projection }) => projection)
  }

  /** The position that all views have seen. */
  get checkpoint(): number {
    return Math.min(...this.#views.map(({ checkpoint }) => checkpoint))
  }

  /**
   * What a view has seen must be there: it would pass over what comes at the same positions.
   * @param position of the newest event
   * @throws {StoreCorruptError} when a view has seen more
   */
  assertNotBeyond(position: number): void {
    for (const { projection, checkpoint } of this.#views) {
      if (checkpoint <= position) continue
      throw new StoreCorruptError(
        `SQLite file ${this.#path}: the in-line view ${viewKey(projection)} has seen position ${checkpoint}, the log ends at ` +
          `${position}. Events are missing: restore a backup.`,
      )
    }
  }

  /** @returns the tables of a view, undefined when it is none of these */
  tablesOf(key: string): ViewTables | undefined {
    return this.#views.find(({ projection }) => viewKey(projection) === key)?.tables
  }

  /**
   * Takes events that are about to be written, or, after an opening, are not yet in every view.
   * @throws {InlineProjectionError} when a handler fails; nothing has changed then
   */
  project(events: readonly DomainEventEnvelope[]): void {
    const undo: Undo[] = []
    for (const view of this.#views) {
      for (const event of events) {
        if (event.position <= view.checkpoint || !view.matches(event.aggregateType, event.eventType)) continue
        try {
          this.#handle(view, event, undo)
        } catch (cause) {
          for (const { slots, id, slot, after } of undo.reverse()) {
            if (slot === undefined) slots.delete(id)
            else slot.after = after
          }
          throw new InlineProjectionError(viewKey(view.projection), event, { cause })
        }
      }
    }
  }

  /** Writes what has changed, at the end of the transaction. @param position of the newest event */
  flush(position: number): void {
    for (const { tables, slots, setCheckpoint, projection, checkpoint } of this.#views) {
      tables.changes.clear()
      for (const [id, { before, after }] of slots) if (before !== after) tables.changes.add({ id, before, after })
      tables.changes.flush()
      if (setCheckpoint.run(Math.max(checkpoint, position), tables.key).changes === 0) {
        throw new Error(`SQLite file ${this.#path}: the row of the in-line view ${projection.viewName} is gone.`)
      }
    }
  }

  /** The transaction is durable. */
  committed(position: number): void {
    for (const view of this.#views) {
      view.checkpoint = Math.max(view.checkpoint, position)
      view.slots.clear()
    }
  }

  /** The transaction was rolled back. */
  rolledBack(): void {
    for (const { slots, tables } of this.#views) {
      slots.clear()
      tables.changes.clear()
    }
  }

  #handle(view: InlineView, event: DomainEventEnvelope, undo: Undo[]): void {
    const { projection, slots } = view
    const first = undo.length
    const decoded = decodeEvent(event, projection.upcasters.get(event.aggregateType))
    const handling = this.#whileOpen(view, event, undo, (views) => projection.project(decoded, views))
    // A handler that is an expression gives whatever that gives.
    if (isThenable(handling)) {
      // Nobody may be left without an answer to its failure.
      handling.then(undefined, () => undefined)
      throw new InvalidDefinitionError(`its handler of ${event.eventType} is asynchronous: an in-line one cannot wait.`)
    }
    // What cannot be stored must fail now, not when everybody's changes are written.
    for (const { id } of undo.slice(first)) {
      const after = slots.get(id)?.after
      if (after === undefined) continue
      encodeJson(after)
      for (const index of Object.keys(projection.indexes)) indexValuesOf(projection, index, after)
    }
  }

  /** What a handler asks for after it has returned would be part of somebody else's transaction: it is refused. */
  #whileOpen<TResult>(
    view: InlineView,
    { eventType }: DomainEventEnvelope,
    undo: Undo[],
    handle: (views: Views) => TResult,
  ): TResult {
    let isOpen = true
    const assertOpen = (): void => {
      if (!isOpen) throw new LateChangeError(`${view.projection.viewName}: the handler of ${eventType}`)
    }
    try {
      return handle(this.#viewsOf(view, undo, assertOpen))
    } finally {
      isOpen = false
    }
  }

  #viewsOf(view: InlineView, undo: Undo[], assertOpen: () => void): Views {
    const update = (id: string, change: (document: unknown) => unknown): void => {
      assertOpen()
      const known = id.toWellFormed()
      const slot = view.slots.get(known)
      undo.push({ slots: view.slots, id: known, slot, after: slot?.after })
      const present = slot ?? this.#read(view, known)
      // Frozen: a handler that changes it in place would leave the view as it was, and its indexes wrong.
      present.after = deepFreeze(change(present.after))
      view.slots.set(known, present)
    }
    // At once: a promise that is rejected, and that the handler does not wait for, would end the process.
    const refuse = (): never => {
      throw new InvalidDefinitionError('an in-line projection cannot look documents up: use update().')
    }
    return {
      set: (id, document) => update(id, () => document),
      update: update as Views['update'],
      delete: (id) => update(id, () => undefined),
      get: refuse,
      find: refuse,
    }
  }

  #read({ projection, tables }: InlineView, id: string): Slot {
    const before = this.reader.getMany(projection, tables, [id]).get(id)
    return { before: deepFreeze(before), after: before }
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { readonly then?: unknown } | null | undefined)?.then === 'function'
}
