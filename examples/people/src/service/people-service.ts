/** The People service: stores, the application on them, and HTTP in front. */

import type { Application } from '@cim/core'
import { HttpServer } from '@cim/http'
import type { Logger } from 'pino'
import { createPeopleApplication } from '../application.ts'
import { openEmbeddedStores } from './embedded-stores.ts'
import type { ServiceOptions } from './service-options.ts'
import type { ServiceStores } from './service-stores.ts'

/** A running service. It owns everything that it opened. */
export class PeopleService implements AsyncDisposable {
  readonly #opened: AsyncDisposableStack
  readonly #server: HttpServer
  /** Settles when it cannot go on, with the reason. Stop it then. */
  readonly failed: Promise<Error>

  private constructor(opened: AsyncDisposableStack, server: HttpServer, failed: Promise<Error>) {
    this.#opened = opened
    this.#server = server
    this.failed = failed
  }

  /**
   * Opens the stores, starts the application and listens. What was opened is closed again when something fails.
   * @param options from the command line
   * @param log is told what goes wrong while it runs
   * @see openEmbeddedStores and openNatsStores for what they throw
   * @throws {ListenError} when the port is taken
   */
  static async start(options: ServiceOptions, log: Logger): Promise<PeopleService> {
    await using opened = new AsyncDisposableStack()
    const stores = opened.use(await openStores(options, log))
    const application: Application = opened.use(
      createPeopleApplication({
        ...stores.options,
        repository: { onSnapshotError: (err) => log.warn({ err }, 'A snapshot could not be used') },
        processors: {
          ...stores.options.processors,
          onError: (err, status) => log.error({ err, ...status }, 'A processor failed'),
        },
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
    opened.use(await stores.serve(application))
    await server.start()
    return new PeopleService(opened.move(), server, stores.failed)
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

async function openStores({ nats, dataFolder }: ServiceOptions, log: Logger): Promise<ServiceStores> {
  if (nats === undefined) return openEmbeddedStores(dataFolder)
  // Whoever does without NATS does not load its client.
  const { openNatsStores } = await import('./nats-stores.ts')
  return openNatsStores(nats, dataFolder, log)
}
