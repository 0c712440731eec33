/** How a conformance suite gets the stores that it tests. */

/** A store that is empty, and what the suite may do with it. */
export interface OpenedStore<TStore> {
  readonly store: TStore
  /**
   * Opens what the closed store has kept once more, as after a restart. Left out when nothing outlives a store: the tests
   * of durability are then skipped and say so.
   */
  readonly reopen?: () => TStore | Promise<TStore>
  /** Deletes what is left. The suite has closed every store before. */
  readonly dispose?: () => void | Promise<void>
}

/** What the suite asks of the store that it gets. */
export interface OpeningOptions {
  /** The clock to use, milliseconds since 1970: the suite moves it. */
  readonly now: () => number
}

/** Opens an empty store. Called once per test. */
export type OpenStore<TStore> = (options: OpeningOptions) => OpenedStore<TStore> | Promise<OpenedStore<TStore>>
