/** What can be said on the service's command line. */

import { parseArgs } from 'node:util'
import { CommandLineError } from '../command-line-error.ts'

/** Where the service keeps its data, and where and how it can be reached. */
export interface ServiceOptions {
  /** 0 takes any free one. */
  readonly port: number
  readonly host: string
  readonly dataFolder: string
  readonly token: string | undefined
  readonly logLevel: string
}

export const serviceHelp = `The People service: people, organizations and employment over HTTP.

  npm start -- [options]

  --port <number>       where to listen, 0 for any free port         (7117)
  --host <address>      another one than loopback needs a token      (127.0.0.1)
  --data <folder>       where events and views are kept              (./data)
  --token <token>       requests must carry it as a bearer token,
                        at least 16 characters                     (the environment's CIM_TOKEN)
  --log-level <level>   trace, debug, info, warn, error or silent    (warn)
  --help                shows this`

/** What the HTTP API asks for too; here the message can name the option. */
const shortestToken = 16

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent']

/**
 * @param args without the program's name
 * @param environment for the token, which other users of the machine could read off a command line
 * @returns the options, or `help` when that was asked for
 * @throws {CommandLineError} when an option is unknown or its value out of range
 */
export function parseServiceOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): ServiceOptions | 'help' {
  const values = parse(args)
  if (values.help === true) return 'help'
  const { port = '7117', host = '127.0.0.1', data = './data', 'log-level': logLevel = 'warn' } = values
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    throw new CommandLineError(`--port must be a whole number from 0 to 65535, got '${port}'.`)
  }
  if (!logLevels.includes(logLevel)) {
    throw new CommandLineError(`--log-level must be one of ${logLevels.join(', ')}, got '${logLevel}'.`)
  }
  if (data === '' || host === '') throw new CommandLineError(`--${data === '' ? 'data' : 'host'} must not be empty.`)
  return {
    port: Number(port),
    host,
    dataFolder: data,
    token: checkToken(values.token, environment.CIM_TOKEN),
    logLevel,
  }
}

/** The message names where the token came from, and not the token. An empty one counts as none. */
function checkToken(fromArgs: string | undefined, fromEnvironment: string | undefined): string | undefined {
  const token = fromArgs ?? fromEnvironment
  if (token === undefined || token === '') return undefined
  if (token.length >= shortestToken && /^[\x21-\x7e]+$/.test(token)) return token
  throw new CommandLineError(
    `${fromArgs === undefined ? 'CIM_TOKEN' : '--token'} must have at least ${shortestToken} printable ASCII characters without spaces, for instance from: openssl rand -hex 32`,
  )
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const
  try {
    return parseArgs({
      args: [...args],
      options: { port: text, host: text, data: text, token: text, 'log-level': text, help: { type: 'boolean' } },
    }).values
  } catch (cause) {
    throw CommandLineError.from(cause)
  }
}
