/** The builds of views: which there are, which one queries read, and how one is deleted. */

import {
  type StoredView,
  UnknownNameError,
  type ViewDefinition,
  ViewLiveError,
  ViewNotReadyError,
  ViewPromotedError,
  viewKey,
} from '@cim/core'
import { type PreparedStatements, prepareForRecords } from './prepared-statements.ts'
import type { ViewDatabase } from './view-database.ts'

const readSql = {
  list: `SELECT name, version, build, state, checkpoint, promoted_at, promotion FROM views WHERE ?1 IS NULL OR name = ?1
    ORDER BY name, version, build`,
} as const

const writeSql = {
  select: 'SELECT key, state, documents_table, checkpoint FROM views WHERE name = ? AND version = ? AND build = ?',
  selectLive: "SELECT name AS viewName, version, build FROM views WHERE name = ? AND state = 'live'",
  retire: "UPDATE views SET state = 'retired' WHERE name = ? AND state = 'live'",
  promote: `UPDATE views SET state = 'live', promoted_at = ?,
    promotion = (SELECT coalesce(max(promotion), 0) + 1 FROM views WHERE name = ?) WHERE key = ?`,
  delete: 'DELETE FROM views WHERE key = ?',
} as const

interface BuildRow {
  readonly key: number
  readonly state: StoredView['state']
  readonly documents_table: string
  readonly checkpoint: number
}

interface ListedRow {
  readonly name: string
  readonly version: number
  readonly build: number
  readonly state: StoredView['state']
  readonly checkpoint: number
  readonly promoted_at: string | null
  readonly promotion: number | null
}

type BuildRef = Pick<ViewDefinition, 'viewName' | 'version' | 'build'>

/** What changes something is to be called inside a transaction. */
export class ViewBuilds {
  readonly #database: ViewDatabase
  readonly #read: PreparedStatements<typeof readSql>
  readonly #write: PreparedStatements<typeof writeSql>

  constructor(database: ViewDatabase) {
    this.#database = database
    this.#read = prepareForRecords(database.reader, readSql)
    this.#write = prepareForRecords(database.writer, writeSql)
  }

  list(viewName: string | undefined): readonly StoredView[] {
    return this.#database
      .read(() => this.#read.list.all(viewName ?? null))
      .map((row) => {
        const { name, promoted_at, promotion, ...rest } = row as unknown as ListedRow
        return { viewName: name, ...rest, promotedAt: promoted_at ?? undefined, promotion: promotion ?? undefined }
      })
  }

  /** Makes one build live and retires the one before. */
  promote(view: BuildRef, expectedLive: string | undefined, now: number, leastCheckpoint: number): void {
    const promoted = this.assertKnown(view)
    const { checkpoint } = promoted
    if (checkpoint < leastCheckpoint) throw new ViewNotReadyError(viewKey(view), checkpoint, leastCheckpoint)
    const live = this.#write.selectLive.get(view.viewName) as BuildRef | undefined
    const actualLive = live === undefined ? undefined : viewKey(live)
    if (actualLive !== expectedLive) throw new ViewPromotedError(viewKey(view), expectedLive, actualLive)
    this.#write.retire.run(view.viewName)
    this.#write.promote.run(new Date(now).toISOString(), view.viewName, promoted.key)
  }

  /** Deletes a build with its tables, when there is one. */
  drop(view: BuildRef): void {
    const found = this.#find(view)
    if (found === undefined) return
    if (found.state === 'live') throw new ViewLiveError(viewKey(view))
    this.#write.delete.run(found.key)
    this.#database.writer.exec(`DROP TABLE "${found.documents_table}"; DROP TABLE "${found.documents_table}_index"`)
  }

  /** @throws {UnknownNameError} when there is no such build */
  assertKnown(view: BuildRef): BuildRow {
    const found = this.#find(view)
    if (found !== undefined) return found
    throw new UnknownNameError('unknown-view', viewKey(view), this.list(view.viewName).map(viewKey))
  }

  #find({ viewName, version, build = 1 }: BuildRef): BuildRow | undefined {
    return this.#write.select.get(viewName, version, build) as BuildRow | undefined
  }
}
