/** The views that are open, with their tables. */

import { UnknownNameError, type ViewDefinition, viewKey } from '@cim/core'
import type { ViewTables } from './view-tables.ts'

/** Remembers tables until another process drops them. */
export class OpenViews {
  readonly #tables = new Map<string, ViewTables>()

  add(view: ViewDefinition, tables: ViewTables): void {
    this.#tables.set(viewKey(view), tables)
  }

  /** @throws {UnknownNameError} when the view was not opened */
  get(view: ViewDefinition): ViewTables {
    return this.#tables.get(viewKey(view)) ?? this.refuse(view)
  }

  /** Another process may have dropped a view since it was opened. @returns whether it is open and there */
  has(view: ViewDefinition): boolean {
    const tables = this.#tables.get(viewKey(view))
    if (tables === undefined) return false
    if (selectCheckpoint(tables) !== undefined) return true
    this.forget(view)
    return false
  }

  /** @throws {UnknownNameError} when the view was not opened, or has been dropped since */
  checkpointOf(view: ViewDefinition): number {
    const checkpoint = selectCheckpoint(this.get(view))
    if (checkpoint !== undefined) return checkpoint
    this.forget(view)
    return this.refuse(view)
  }

  forget(view: Pick<ViewDefinition, 'viewName' | 'version' | 'build'>): void {
    this.#tables.delete(viewKey(view))
  }

  /** @throws {UnknownNameError} always */
  refuse(view: ViewDefinition): never {
    throw new UnknownNameError('unknown-view', viewKey(view), this.#tables.keys())
  }
}

function selectCheckpoint({ key, read }: ViewTables): number | undefined {
  return (read.selectCheckpoint.get(key) as { readonly checkpoint: number } | undefined)?.checkpoint
}
