/** Errors about the state of a store. */

import { CimError } from './cim-error.ts'

/** The store was closed. What was acknowledged before is safe; what was not is not stored. */
export class StoreClosedError extends CimError {
  override readonly name = 'StoreClosedError'
  readonly code = 'store-closed'
}

/** Another process owns the store. */
export class StoreLockedError extends CimError {
  override readonly name = 'StoreLockedError'
  readonly code = 'store-locked'
}

/** What is stored contradicts itself, or cannot be read. */
export class StoreCorruptError extends CimError {
  override readonly name = 'StoreCorruptError'
  readonly code = 'store-corrupt'
}

/** No room is left. The append that met it stored nothing and may be repeated once there is room. */
export class StoreFullError extends CimError {
  override readonly name = 'StoreFullError'
  readonly code = 'store-full'
}

/** The store could not be read or written for another reason; its `cause` says which. */
export class StoreUnavailableError extends CimError {
  override readonly name = 'StoreUnavailableError'
  readonly code = 'store-unavailable'
}

/** A store was written by a newer version of this software, or by something else. */
export class StoreVersionError extends CimError {
  override readonly name = 'StoreVersionError'
  readonly code = 'store-version'
}

/** A view did not reach the position asked for in the time allowed. Ask again, or allow more time. */
export class ConsistencyTimeoutError extends CimError {
  override readonly name = 'ConsistencyTimeoutError'
  readonly code = 'consistency-timeout'
  readonly view: string
  readonly wantedPosition: number
  readonly reachedPosition: number

  constructor(view: string, wantedPosition: number, reachedPosition: number, waitMs: number) {
    super(
      `View ${view} is at position ${reachedPosition}, position ${wantedPosition} was asked for and did not come within ` +
        `${waitMs} ms. Ask again, wait longer, or ask without a position.`,
    )
    this.view = view
    this.wantedPosition = wantedPosition
    this.reachedPosition = reachedPosition
  }
}

/** A processor has seen more than the event store holds: it belongs to another one, or that was restored from an older copy. */
export class CheckpointAheadError extends CimError {
  override readonly name = 'CheckpointAheadError'
  readonly code = 'checkpoint-ahead'
  readonly processor: string
  readonly checkpoint: number
  readonly head: number

  constructor(processor: string, checkpoint: number, head: number) {
    super(
      `Processor ${processor} has processed position ${checkpoint}, but the event store ends at ${head}. It belongs to another ` +
        'event store, or that was restored from an older copy. Open the stores that belong together. If the event store is the ' +
        "one that is meant: raise the version of a view's projection, to build the view anew; reset a reaction to a position " +
        'whose effects count as done. Delete no store that knows how far reactions are: they would repeat or miss effects.',
    )
    this.processor = processor
    this.checkpoint = checkpoint
    this.head = head
  }
}

/** Another runner has moved the view's checkpoint. Nothing was changed; go on from the checkpoint that is there now. */
export class StaleCheckpointError extends CimError {
  override readonly name = 'StaleCheckpointError'
  readonly code = 'stale-checkpoint'
  readonly view: string
  readonly expectedCheckpoint: number
  readonly actualCheckpoint: number

  constructor(view: string, expectedCheckpoint: number, actualCheckpoint: number) {
    super(
      `View ${view}: the changes were computed on checkpoint ${expectedCheckpoint}, the view is at ${actualCheckpoint}. ` +
        'Another runner works on it; read the checkpoint and go on from there.',
    )
    this.view = view
    this.expectedCheckpoint = expectedCheckpoint
    this.actualCheckpoint = actualCheckpoint
  }
}
