/** The log of one aggregate, as its appends explain it. */

import type { AppendOperation, LoadOperation, Operation, ViolationKind } from './history.ts'

/** The events that one append stored, perhaps after several attempts of it. */
export interface StoredAppend {
  /** How many events stand before it. */
  readonly first: number
  /** The version that it made. */
  readonly version: number
  /** Every call that may have stored it. */
  readonly attempts: readonly AppendOperation[]
}

/** What {@link explainLog} makes of a history. */
export interface AggregateLog {
  readonly eventIds: readonly string[]
  /** In the order of their versions, without a gap between them. */
  readonly appends: readonly StoredAppend[]
}

/** Collects violations in one aggregate. */
export type Report = (kind: ViolationKind, message: string, ...operations: readonly Operation[]) => void

/** Finds the append behind each event of the longest load. */
export function explainLog(operations: readonly Operation[], report: Report): AggregateLog {
  const eventIds = longestLoad(operations).eventIds
  const attemptsOf = Map.groupBy(operations.filter(isAppend), ({ eventIds: [first] }) => first)
  const appends: StoredAppend[] = []
  const seen = new Set<string>()
  for (let first = 0; first < eventIds.length; ) {
    const eventId = eventIds[first] ?? ''
    if (seen.has(eventId)) report('duplicated', `event ${eventId} stands there again as event ${first + 1}`)
    seen.add(eventId)
    const all = attemptsOf.get(eventId) ?? []
    const version = first + Math.max(1, all[0]?.eventIds.length ?? 0)
    const attempts = all.filter((attempt) => mayHaveStored(attempt, first))
    if (all.length === 0) {
      const owner = operations.filter(isAppend).find((append) => append.eventIds.includes(eventId))
      if (owner === undefined)
        report('unexplained', `nobody has appended event ${eventId}, which stands as event ${first + 1}`)
      else report('torn', `event ${eventId} stands as event ${first + 1} without those before it in its append`, owner)
    } else if (!hasAt(eventIds, first, all[0]?.eventIds ?? [])) {
      report(
        'torn',
        `of the append of event ${eventId}, which stands as event ${first + 1}, not all events follow`,
        ...all,
      )
    } else if (attempts.length === 0) {
      const kind = all.some(({ outcome }) => outcome.kind === 'stored') ? 'wrong-version' : 'unexplained'
      report(
        kind,
        `event ${eventId} stands as event ${first + 1}, where none of its appends may have stored it`,
        ...all,
      )
    }
    for (const id of eventIds.slice(first + 1, version)) seen.add(id)
    appends.push({ first, version, attempts })
    first = version
  }
  return { eventIds, appends }
}

/** @returns true when a log has these events at this place, side by side */
export function hasAt(log: readonly string[], first: number, eventIds: readonly string[]): boolean {
  return first >= 0 && eventIds.every((id, index) => log[first + index] === id)
}

/** Narrows an operation to an append. */
export function isAppend(operation: Operation): operation is AppendOperation {
  return operation.kind === 'append'
}

/** Narrows an operation to a load. */
export function isLoad(operation: Operation): operation is LoadOperation {
  return operation.kind === 'load'
}

function longestLoad(operations: readonly Operation[]): Pick<LoadOperation, 'eventIds'> {
  const none: Pick<LoadOperation, 'eventIds'> = { eventIds: [] }
  return operations
    .filter(isLoad)
    .reduce((most, load) => (load.eventIds.length > most.eventIds.length ? load : most), none)
}

function mayHaveStored({ expectedVersion, eventIds, outcome }: AppendOperation, first: number): boolean {
  if (expectedVersion !== 'any' && expectedVersion !== first) return false
  return outcome.kind === 'unknown' || (outcome.kind === 'stored' && outcome.version === first + eventIds.length)
}
