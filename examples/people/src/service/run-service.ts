/** Runs the service from start to stop. */

import { resolve } from 'node:path'
import { isCimError } from '@cim/core'
import { pino } from 'pino'
import { PeopleService } from './people-service.ts'
import { parseServiceOptions, type ServiceOptions, serviceHelp } from './service-options.ts'
import { welcome } from './welcome.ts'

/**
 * @param args of the command line, without the program's name
 * @param environment of the process
 * @returns the exit code: 0 after a stop that was asked for, 1 when the service could not run
 */
export async function runService(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  // The service goes on when nobody reads any more what it says.
  process.stdout.on('error', () => undefined)
  try {
    const options = parseServiceOptions(args, environment)
    if (options === 'help') console.log(serviceHelp)
    else await serve(options)
    return 0
  } catch (error) {
    // What is known to go wrong says in one line what to do; anything else is a fault of this program.
    console.error(isCimError(error) ? error.message : error)
    return 1
  }
}

async function serve(options: ServiceOptions): Promise<void> {
  const log = pino({ level: options.logLevel }, pino.destination({ fd: 2, sync: true }))
  const asked = stopAsked()
  await using service = await PeopleService.start(options, log)
  console.log(
    welcome(service.url, {
      dataFolder: resolve(options.dataFolder),
      nats: options.nats,
      needsToken: options.token !== undefined,
      tellsHR: options.hrUrl !== undefined,
    }),
  )
  log.info({ url: service.url }, 'Listening')
  const reason = await Promise.race([asked, service.failed])
  if (reason instanceof Error) throw reason
  log.info({ signal: reason }, 'Stopping')
  console.log('\nStopping: what was accepted is finished first.')
}

/** A signal may come more than once: from the terminal, and again from npm, which passes it on. */
function stopAsked(): Promise<NodeJS.Signals> {
  const { promise, resolve: stop } = Promise.withResolvers<NodeJS.Signals>()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
  return promise
}
