/** What a check before a deployment has found. */

import type { Difference } from '../time-travel/differences.ts'

/**
 * What can be wrong:
 * - `broken-stream`: an aggregate's events are not numbered 1 to n, or the log and the streams disagree
 * - `unknown-event`: no definition knows the event's type; aggregates and views pass over it
 * - `undecodable`: an upcaster failed, or the event was written by newer code
 * - `invalid-data`: the data, lifted to the current version, does not fit the schema of its event
 * - `fold-failed`: `apply` threw
 * - `projection-failed`: a projection's handler threw, or did not end
 * - `invalid-document`: a view document does not fit the schema of its view
 * - `not-json`: a state that JSON cannot carry, so that it cannot be compared
 * - `state-differs`, `document-differs`: another result than the previous code's
 * - `missing`: the previous code had a state or a document that this code does not have
 */
export type DeployProblemKind = (typeof problemKinds)[number]

const problemKinds = [
  'broken-stream',
  'unknown-event',
  'undecodable',
  'invalid-data',
  'fold-failed',
  'projection-failed',
  'invalid-document',
  'not-json',
  'state-differs',
  'document-differs',
  'missing',
] as const

/** Those that may be meant: a change of code on purpose. The others fail when the code runs. */
const expectable: ReadonlySet<DeployProblemKind> = new Set([
  'unknown-event',
  'not-json',
  'state-differs',
  'document-differs',
  'missing',
])

/** One place where something is wrong. */
export interface DeployProblem {
  readonly message: string
  /** Of the event, or of the last event in the state. */
  readonly position?: number
  readonly aggregateType?: string
  readonly aggregateId?: string
  readonly sequence?: number
  /** Of the view document. */
  readonly documentId?: string
  /** From the previous code's state to this code's, when the previous state was kept; at most 20. */
  readonly differences?: readonly Difference[]
}

/** All problems of one kind with one thing. */
export interface DeployProblemGroup {
  readonly kind: DeployProblemKind
  /** An event type (`Person.EmailChanged`), an aggregate type (`Person`) or a view (`PersonView`). */
  readonly subject: string
  readonly count: number
  /** True when it was named as expected: shown, but no reason to fail. */
  readonly isExpected: boolean
  /** The first ones. */
  readonly samples: readonly DeployProblem[]
}

/** The result of a check. The same log and the same code give the same report. */
export interface DeployReport {
  /** True when nothing is wrong that was not expected. */
  readonly isFine: boolean
  /** Everything up to this position was replayed. */
  readonly position: number
  readonly events: number
  readonly aggregates: number
  readonly documents: number
  /** The position that the previous code's fingerprints are of; undefined when nothing was compared. */
  readonly comparedAt: number | undefined
  /** Views that were not compared, with the reason. */
  readonly notCompared: readonly string[]
  /** In the order of {@link DeployProblemKind}, then of the subjects. */
  readonly problems: readonly DeployProblemGroup[]
}

/** Counts problems and keeps the first of each group. */
export class DeployProblems {
  readonly #groups = new Map<
    string,
    { kind: DeployProblemKind; subject: string; count: number; samples: DeployProblem[] }
  >()
  readonly #expected: ReadonlySet<string>
  readonly #samplesPerGroup: number

  /**
   * @param expected subjects whose problems are meant
   * @param samplesPerGroup how many problems of a group are kept
   */
  constructor(expected: readonly string[], samplesPerGroup: number) {
    this.#expected = new Set(expected)
    this.#samplesPerGroup = samplesPerGroup
  }

  /** @param problem is asked for only while there is room for it */
  add(kind: DeployProblemKind, subject: string, problem: () => DeployProblem): void {
    const key = `${kind} ${subject}`
    let group = this.#groups.get(key)
    if (group === undefined) {
      group = { kind, subject, count: 0, samples: [] }
      this.#groups.set(key, group)
    }
    group.count++
    if (group.samples.length < this.#samplesPerGroup) group.samples.push(problem())
  }

  /** In their order. */
  get groups(): readonly DeployProblemGroup[] {
    const groups = [...this.#groups.values()].map((group) => ({
      ...group,
      isExpected: expectable.has(group.kind) && this.#expected.has(group.subject),
    }))
    const order = (kind: DeployProblemKind): number => problemKinds.indexOf(kind)
    return groups.sort((one, other) => order(one.kind) - order(other.kind) || (one.subject < other.subject ? -1 : 1))
  }
}

/** @returns what was thrown, in words */
export function describeFailure(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
