/** The People service: stores on disk, the application on them, and HTTP in front. */

import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type Application, CimError } from '@cim/core'
import { HttpServer } from '@cim/http'
import { SqliteEventStore, SqliteViewStore } from '@cim/sqlite'
import type { Logger } from 'pino'
import { createPeopleApplication } from '../application.ts'
import type { ServiceOptions } from './service-options.ts'

/** The data folder cannot be used. */
export class DataFolderError extends CimError {
  override readonly name = 'DataFolderError'
  readonly code = 'data-folder'
}

/** A running service. It owns everything that it opened. */
export class PeopleService implements AsyncDisposable {
  readonly #opened: AsyncDisposableStack
  readonly #server: HttpServer

  private constructor(opened: AsyncDisposableStack, server: HttpServer) {
    this.#opened = opened
    this.#server = server
  }

  /**
   * Opens the stores, starts the application and listens. What was opened is closed again when something fails.
   * @param options from the command line
   * @param log is told what goes wrong while it runs
   * @throws {DataFolderError} when the data folder cannot be made or used
   * @throws {StoreLockedError} when another process uses it
   * @throws {ListenError} when the port is taken
   */
  static async start(options: ServiceOptions, log: Logger): Promise<PeopleService> {
    await using opened = new AsyncDisposableStack()
    makeFolder(options.dataFolder)
    const eventStore = opened.use(new SqliteEventStore({ path: join(options.dataFolder, 'events.sqlite') }))
    const viewStore = opened.use(new SqliteViewStore({ path: join(options.dataFolder, 'views.sqlite') }))
    const application: Application = opened.use(
      createPeopleApplication({
        eventStore,
        viewStore,
        snapshotStore: eventStore.snapshotStore,
        repository: { onSnapshotError: (err) => log.warn({ err }, 'A snapshot could not be used') },
        processors: { onError: (err, status) => log.error({ err, ...status }, 'A processor failed') },
        onSagaError: (err) => log.error({ err }, 'A deadline could not be reached, and is tried again'),
        hr: {
          url: options.hrUrl,
          daysToNotify: options.hrDays,
          onUnsent: (notification) => log.warn({ notification }, 'There is no --hr-url: HR is not told of this'),
        },
      }),
    )
    const server = opened.use(
      new HttpServer({
        application,
        title: 'People',
        host: options.host,
        port: options.port,
        ...(options.token === undefined ? undefined : { token: options.token }),
        onError: (err, fault) => log.error({ err, ...fault }, 'A request failed'),
      }),
    )
    await application.start()
    await server.start()
    return new PeopleService(opened.move(), server)
  }

  /** Where it listens, for instance `http://127.0.0.1:7117`. */
  get url(): string {
    return this.#server.url
  }

  /** Finishes what was accepted, then closes the server, the application and the stores, in this order. */
  async stop(): Promise<void> {
    await this.#opened.disposeAsync()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

function makeFolder(folder: string): void {
  try {
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return
    // Recursive only when it must be: Node never comes back from trying that where no folder can be made, as in /proc.
    mkdirSync(folder, { recursive: !existsSync(dirname(resolve(folder))) })
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause)
    throw new DataFolderError(
      `The data folder ${folder} cannot be used (${problem}). Choose another with --data <folder>.`,
      { cause },
    )
  }
}
