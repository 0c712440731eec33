/** A snapshot store in memory. */

import type { AggregateRef } from '../event-store/aggregate-ref.ts'
import { encodeJson } from '../event-store/json.ts'
import type { Snapshot, SnapshotStore } from '../event-store/snapshot.ts'

/** Keeps the newest snapshot of each aggregate until the process ends. */
export class MemorySnapshotStore implements SnapshotStore {
  readonly #snapshots = new Map<string, string>()

  async loadSnapshot(aggregate: AggregateRef, fingerprint: string): Promise<Snapshot | undefined> {
    const text = this.#snapshots.get(keyOf(aggregate))
    const snapshot = text === undefined ? undefined : (JSON.parse(text) as Snapshot)
    return snapshot?.fingerprint === fingerprint ? snapshot : undefined
  }

  async saveSnapshot(aggregate: AggregateRef, snapshot: Snapshot): Promise<void> {
    this.#snapshots.set(keyOf(aggregate), encodeJson(snapshot).text)
  }
}

function keyOf({ aggregateType, aggregateId }: AggregateRef): string {
  return `${aggregateType} ${aggregateId}`
}
