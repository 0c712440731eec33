/** Folded state kept so that a long aggregate loads fast. Always disposable: the events are the truth. */

import type { AggregateRef } from './aggregate-ref.ts'

/** An aggregate's state after its event number `version`. */
export interface Snapshot {
  readonly version: number
  /** The position of that event. */
  readonly position: number
  /** The time of that event, ISO-8601 in UTC. */
  readonly timestamp: string
  /** Fingerprint of the definition that folded it. A snapshot of another definition is not used. */
  readonly fingerprint: string
  /** Any JSON value. */
  readonly state: unknown
}

/** Keeps the newest snapshot of each aggregate. Losing one costs time, nothing else. */
export interface SnapshotStore {
  /** @returns the kept snapshot, or undefined when there is none with that fingerprint */
  loadSnapshot(aggregate: AggregateRef, fingerprint: string): Promise<Snapshot | undefined>
  /** Keeps a snapshot in place of the one before. */
  saveSnapshot(aggregate: AggregateRef, snapshot: Snapshot): Promise<void>
}
