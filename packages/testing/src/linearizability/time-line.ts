/** When the appends in a log can have happened. */

import type { Report, StoredAppend } from './aggregate-log.ts'
import type { AppendOperation, Operation } from './history.ts'

interface Moment {
  readonly append: StoredAppend
  /** Who says that it did not happen before it began. */
  readonly notBefore: Operation[]
  /** The first to end of those who say that it had happened. */
  notAfter: Operation | undefined
}

/** The moments of the appends in a log, and what bounds them. */
export class TimeLine {
  readonly #moments: readonly Moment[]
  readonly #byVersion: ReadonlyMap<number, number>
  readonly #report: Report

  constructor(appends: readonly StoredAppend[], report: Report) {
    this.#report = report
    this.#moments = appends.map((append) => {
      const begun = append.attempts.toSorted((one, other) => one.startedAt - other.startedAt)
      return { append, notBefore: begun.slice(0, 1), notAfter: undefined }
    })
    this.#byVersion = new Map([[0, -1], ...appends.map(({ version }, index) => [version, index] as const)])
  }

  isVersion(version: number): boolean {
    return this.#byVersion.has(version)
  }

  /** @returns true when one append made the events between two versions */
  isAppend(first: number, version: number): boolean {
    return this.#moments[this.#byVersion.get(version) ?? -1]?.append.first === first
  }

  /** An operation was told that a version is reached. */
  knows(operation: Operation, version: number): void {
    const moment = this.#moments[this.#byVersion.get(version) ?? -1]
    if (moment === undefined) return
    if (moment.notAfter === undefined || operation.endedAt < moment.notAfter.endedAt) moment.notAfter = operation
  }

  /** An operation was told that a version is the newest. */
  sees(operation: Operation, version: number): void {
    this.knows(operation, version)
    this.#moments[(this.#byVersion.get(version) ?? -1) + 1]?.notBefore.push(operation)
  }

  /** Reports every bound "not before" above a bound "not after" of the same or a later append. */
  check(): void {
    let soonest: Operation | undefined
    for (const { append, notBefore, notAfter } of this.#moments.toReversed()) {
      if (notAfter !== undefined && (soonest === undefined || notAfter.endedAt < soonest.endedAt)) soonest = notAfter
      for (const operation of notBefore) {
        if (soonest === undefined || operation.startedAt <= soonest.endedAt) continue
        if (append.attempts.includes(operation as AppendOperation)) {
          const message = `version ${append.version} was known before the append that made it began`
          this.#report('too-early', message, soonest, operation)
        } else {
          const message = `version ${append.version} was known before an operation began that did not see it`
          this.#report('stale', message, soonest, operation)
        }
      }
    }
  }
}
