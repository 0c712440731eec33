/** What the service runs on. */

import type { Application, ApplicationOptions } from '@cim/core'

/** Opened stores, and what belongs to them. They are closed together. */
export interface ServiceStores extends AsyncDisposable {
  /** For the application. */
  readonly options: Pick<
    ApplicationOptions,
    'eventStore' | 'viewStore' | 'snapshotStore' | 'progressStore' | 'processors'
  >
  /** Settles when the stores cannot be used any more, with the reason. */
  readonly failed: Promise<Error>
  /** Begins what is served besides HTTP, by an application that runs. */
  serve(application: Application): Promise<AsyncDisposable | undefined>
}
