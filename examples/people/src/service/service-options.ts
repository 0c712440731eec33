/** What can be said on the service's command line. */

import { parseArgs } from 'node:util'
import { CommandLineError } from '../command-line-error.ts'
import { type NatsOptions, parseNatsOptions } from './nats-options.ts'

/** Where the service keeps its data, where and how it can be reached, and where HR is. */
export interface ServiceOptions {
  /** 0 takes any free one. */
  readonly port: number
  readonly host: string
  readonly dataFolder: string
  readonly token: string | undefined
  readonly logLevel: string
  /** Undefined: there is nobody to tell of hirings. */
  readonly hrUrl: string | undefined
  /** Until it is escalated that HR was not told. */
  readonly hrDays: number
  /** Undefined: events are in the data folder. */
  readonly nats: NatsOptions | undefined
}

export const serviceHelp = `The People service: people, organizations and employment over HTTP.

  npm start -- [options]

  --port <number>       where to listen, 0 for any free port         (7117)
  --host <address>      another one than loopback needs a token      (127.0.0.1)
  --data <folder>       where events and views are kept              (./data)
  --token <token>       requests must carry it as a bearer token,
                        at least 16 characters                     (the environment's CIM_TOKEN)
  --hr-url <url>        where HR is told of hirings, with POST;
                        without one they are logged, and confirmed
                        at once                                    (the environment's CIM_HR_URL)
  --hr-days <number>    HR not told by then: that is escalated       (3)
  --nats <urls>         events are kept by these NATS servers, with
                        JetStream; any number of services share
                        them, each with a --data of its own, for
                        its views. nats:// or tls://, commas between,
                        user:password@ or token@ in front of the host;
                        commands and queries are answered there, too  (the environment's CIM_NATS)
  --nats-creds <file>   a JWT and its nkey, as nsc makes it
  --nats-ca <file>      who has signed the servers' certificates
  --nats-prefix <name>  before all subjects and names of streams     (none)
  --log-level <level>   trace, debug, info, warn, error or silent    (warn)
  --help                shows this`

/** What the HTTP API asks for too; here the message can name the option. */
const shortestToken = 16

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent']

/**
 * @param args without the program's name
 * @param environment for the token and the URLs, which other users of the machine could read off a command line
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
    hrUrl: checkHRUrl(values['hr-url'], environment.CIM_HR_URL),
    hrDays: checkDays(values['hr-days'] ?? '3'),
    nats: parseNatsOptions(values, environment.CIM_NATS),
  }
}

/** The message names where the URL came from, and not the URL, which may hold a secret. An empty one counts as none. */
function checkHRUrl(fromArgs: string | undefined, fromEnvironment: string | undefined): string | undefined {
  const text = fromArgs ?? fromEnvironment
  if (text === undefined || text === '') return undefined
  const url = URL.parse(text)
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return url.href
  throw new CommandLineError(
    `${fromArgs === undefined ? 'CIM_HR_URL' : '--hr-url'} must be a URL with http: or https:, without user and password, for instance https://hr.example.org/hires.`,
  )
}

function checkDays(days: string): number {
  if (/^\d{1,4}$/.test(days) && Number(days) >= 1) return Number(days)
  throw new CommandLineError(`--hr-days must be a whole number of days from 1 to 9999, got '${days}'.`)
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
      options: {
        port: text,
        host: text,
        data: text,
        token: text,
        'hr-url': text,
        'hr-days': text,
        nats: text,
        'nats-creds': text,
        'nats-ca': text,
        'nats-prefix': text,
        'log-level': text,
        help: { type: 'boolean' },
      },
    }).values
  } catch (cause) {
    throw CommandLineError.from(cause)
  }
}
