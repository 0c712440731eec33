/** How the progress of a processor stands in its table. */

import type { ProcessorProgress } from '@cim/core'

/** A row of `processors`. */
export interface ProcessorRow {
  readonly name: string
  readonly position: number
  readonly replay_until: number
  readonly seen_count: number
  readonly seen_checksum: number
  readonly seen_after: number
  readonly epoch: number
  readonly revision: number
  readonly is_paused: number
  readonly lease_until: number
  readonly owner: string | null
  readonly owner_machine: string | null
  readonly owner_process: number | null
  readonly owner_process_start: number | null
}

export function toProgress(row: ProcessorRow): ProcessorProgress {
  return {
    processorName: row.name,
    position: row.position,
    replayUntil: row.replay_until,
    seen: { count: row.seen_count, checksum: row.seen_checksum },
    seenAfter: row.seen_after,
    epoch: row.epoch,
    owner: row.owner ?? undefined,
    leaseUntil: row.lease_until,
    isPaused: row.is_paused === 1,
    revision: row.revision,
  }
}
