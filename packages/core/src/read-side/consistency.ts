/** Read-your-writes: waiting until a view has seen a position. */

import { ConsistencyTimeoutError } from '../errors/store-errors.ts'
import type { ViewDefinition, ViewStore } from './view-store.ts'

/** How fresh a view must be, and how long to wait for it. */
export interface Consistency {
  /** The view must have seen this position: take it from an acknowledgment. 0: any state will do. */
  readonly afterPosition: number
  /** How long to wait for that, at most. */
  readonly waitMs: number
  readonly signal?: AbortSignal
}

/** A view may be kept by another process, whose commits do not wake this one. */
const pollMs = 50

/**
 * @param viewStore where the view is
 * @param view which one
 * @param consistency the position, and the longest wait in milliseconds
 * @throws {ConsistencyTimeoutError} when the position did not come in time
 */
export async function waitForPosition(
  viewStore: Pick<ViewStore, 'committed' | 'getCheckpoint'>,
  view: ViewDefinition,
  consistency: Consistency,
): Promise<void> {
  const { afterPosition, waitMs, signal } = consistency
  if (afterPosition <= 0) return
  const deadline = performance.now() + waitMs
  for (;;) {
    const seen = viewStore.committed.count
    const reached = await viewStore.getCheckpoint(view)
    if (reached >= afterPosition) return
    signal?.throwIfAborted()
    const leftMs = deadline - performance.now()
    if (leftMs <= 0) throw new ConsistencyTimeoutError(view.viewName, afterPosition, reached, waitMs)
    await viewStore.committed.wait(seen, { signal, timeoutMs: Math.min(leftMs, pollMs) })
  }
}
