/** How the suites of processing get the stores of several processes. */

import type { EventStore, ProgressStore, ViewStore } from '@cim/core'
import type { OpeningOptions } from '../conformance/opened-store.ts'

/** The stores of one process. */
export interface ProcessStores {
  readonly eventStore: EventStore
  readonly viewStore: ViewStore
  /** Left out when it is the view store's own. */
  readonly progressStore?: ProgressStore
  /** Is called when the process ends. */
  readonly close: () => Promise<void>
}

/** Where processes meet, and what they have stored outlives them: a folder, or servers. */
export interface ProcessingPlace {
  /**
   * Opens the stores of a process. Several may be open at once.
   * @param name of the process: one of the same name, once it has ended, finds its own views again
   */
  readonly open: (name: string) => ProcessStores | Promise<ProcessStores>
  /** Deletes what is left. All processes have ended before. */
  readonly dispose?: () => void | Promise<void>
}

/** Opens an empty place. Called once per test. */
export type OpenPlace = (options: OpeningOptions) => ProcessingPlace | Promise<ProcessingPlace>
