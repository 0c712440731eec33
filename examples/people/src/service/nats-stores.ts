/** Opens the stores of a service whose events are on NATS: any number of processes, each with views of its own. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Application, StoreUnavailableError } from '@cim/core'
import { connectToNats, JetStreamEventStore, JetStreamProgressStore, NatsService } from '@cim/nats'
import { FileLock, SqliteViewStore } from '@cim/sqlite'
import type { Logger } from 'pino'
import { CommandLineError } from '../command-line-error.ts'
import { makeDataFolder } from './data-folder.ts'
import { LogWitness } from './log-witness.ts'
import { type NatsOptions, namesWith } from './nats-options.ts'
import type { ServiceStores } from './service-stores.ts'

/** How long a request waits for servers that do not answer before it is refused: a leader is chosen within a few seconds. */
const giveUpAfterMs = 10_000
/** Another process takes a saga or reaction over when its owner has been silent for so long. */
const leaseMs = 5000

/**
 * @param dataFolder for the views: of this process alone
 * @param log is told of what goes wrong while the service runs
 * @throws {DataFolderError} when the folder cannot be made or used
 * @throws {StoreLockedError} when another process uses it
 * @throws {UnauthenticatedError} when the servers do not let this user in
 * @throws {StoreUnavailableError} when no server can be reached, or JetStream does not answer
 * @throws {UnsafeStreamError} when a stream is set up so that it can lose something
 * @throws {LogChangedError} when the views were built from another log
 */
export async function openNatsStores(nats: NatsOptions, dataFolder: string, log: Logger): Promise<ServiceStores> {
  await using opened = new AsyncDisposableStack()
  makeDataFolder(dataFolder)
  const viewFile = join(dataFolder, 'nats-views.sqlite')
  opened.use(lockOf(viewFile))
  const connection = await connect(nats)
  opened.defer(() => connection.close())
  const { streamName, bucket } = namesWith(nats.prefix)
  const prefix = nats.prefix === undefined ? undefined : { subjectPrefix: nats.prefix }
  const eventStore = await JetStreamEventStore.open({ connection, giveUpAfterMs, streamName, ...prefix })
  opened.use(eventStore)
  const progressStore = opened.use(await JetStreamProgressStore.open({ connection, giveUpAfterMs, bucket }))
  const logName = `the stream ${streamName} on ${nats.servers.join(', ')}`
  const onError = (err: unknown): void => log.warn({ err }, 'Whether the log is as it was could not be looked at')
  const witness = opened.use(await LogWitness.open({ eventStore, logName, viewFile, bucket, onError }))
  const viewStore = opened.use(new SqliteViewStore({ path: viewFile }))
  const serve = async (application: Application): Promise<AsyncDisposable> => {
    const service = new NatsService({
      connection,
      application,
      ...prefix,
      onError: (err, fault) => log.error({ err, ...fault }, 'A request over NATS failed'),
    })
    await service.start()
    return service
  }
  const { snapshotStore } = eventStore
  const all = opened.move()
  return {
    options: { eventStore, viewStore, snapshotStore, progressStore, processors: { leaseMs } },
    failed: Promise.race([witness.changed, connection.closed().then(whyClosed)]),
    serve,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** Other processes of one service have folders of their own. */
function lockOf(viewFile: string): FileLock {
  const lockFile = `${viewFile}-lock`
  return new FileLock(
    lockFile,
    `SQLite file ${viewFile}: another process has opened it (lock file ${lockFile}). Stop that process, or choose another folder with --data.`,
  )
}

function connect({ servers, user, password, token, credentialsFile, isEncrypted, caFile }: NatsOptions) {
  for (const [option, file] of [
    ['--nats-creds', credentialsFile],
    ['--nats-ca', caFile],
  ] as const) {
    if (file !== undefined && !existsSync(file)) {
      throw new CommandLineError(`${option} names a file that is not there: ${file}.`)
    }
  }
  return connectToNats({
    servers,
    connectionName: 'people',
    ...(user === undefined ? undefined : { user, password: password ?? '' }),
    ...(token === undefined ? undefined : { token }),
    ...(credentialsFile === undefined ? undefined : { credentialsFile }),
    ...(isEncrypted ? { tls: caFile === undefined ? true : { caFile } } : undefined),
  })
}

/** The client tries a connection that is lost again for ever, but gives one up that is refused. */
function whyClosed(cause: unknown): Error {
  const why = cause instanceof Error ? ` (${cause.message})` : ''
  return new StoreUnavailableError(
    `NATS: the servers have closed the connection and let this user in no more${why}. Compare its credentials with the servers', and start again.`,
    { cause },
  )
}
