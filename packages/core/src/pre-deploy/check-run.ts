/** What the parts of one check share. */

import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { canonicalJson, hashText } from '../event-store/fingerprint.ts'
import { encodeJson } from '../event-store/json.ts'
import { type Difference, differencesBetween } from '../time-travel/differences.ts'
import type { SavedFingerprints } from './deploy-fingerprints.ts'
import type { DeployProblems } from './deploy-report.ts'

/** How far a check is. */
export interface DeployProgress {
  readonly phase: 'aggregates' | 'views'
  /** Everything up to here has been replayed in this phase. */
  readonly position: number
  /** Where the phase ends. */
  readonly head: number
}

/** One check under way. */
export interface CheckRun {
  readonly eventStore: EventStore
  /** The newest event when the check began: later ones are left out. */
  readonly head: number
  readonly problems: DeployProblems
  readonly previous: SavedFingerprints | undefined
  readonly save: ((line: string) => void | Promise<void>) | undefined
  readonly withStates: boolean
  readonly signal: AbortSignal | undefined
  onProgress(progress: DeployProgress): void
}

const eventsPerPage = 1000
const mostDifferences = 20

/** Reads a stretch of the log page by page, in the order of positions. */
export async function* pagesOf(
  { eventStore, signal }: Pick<CheckRun, 'eventStore' | 'signal'>,
  afterPosition: number,
  toPosition: number,
): AsyncGenerator<{ readonly events: readonly DomainEventEnvelope[]; readonly position: number }> {
  let position = afterPosition
  while (position < toPosition) {
    signal?.throwIfAborted()
    const page = await eventStore.readEvents({ afterPosition: position, limit: eventsPerPage })
    position = page.isEnd ? toPosition : Math.min(page.position, toPosition)
    yield { events: page.events.filter((event) => event.position <= toPosition), position }
  }
}

/** @returns a hash of plain JSON, whatever order its properties came in @throws {TypeError} when JSON cannot carry it */
export function fingerprintOf(value: unknown): number {
  return hashText(canonicalJson(encodeJson(value).value))
}

/** @returns the first differences from a kept state, nothing when it was not kept */
export function differencesFrom(before: unknown, after: unknown): { readonly differences?: readonly Difference[] } {
  if (before === undefined) return {}
  return { differences: differencesBetween(before, encodeJson(after).value).slice(0, mostDifferences) }
}
