/** What can be said of NATS on the service's command line. */

import { CommandLineError } from '../command-line-error.ts'

/** Where the events are, and as whom to go there. */
export interface NatsOptions {
  /** Without user and password. */
  readonly servers: readonly string[]
  readonly user?: string
  readonly password?: string
  readonly token?: string
  readonly credentialsFile?: string
  /** Whether the servers must be reached by TLS. */
  readonly isEncrypted: boolean
  /** Who has signed the servers' certificates. */
  readonly caFile?: string
  /** Stands before all subjects, and in the names of all streams. */
  readonly prefix?: string
}

/** As they stand on the command line. */
export interface NatsArguments {
  readonly nats?: string | undefined
  readonly 'nats-creds'?: string | undefined
  readonly 'nats-ca'?: string | undefined
  readonly 'nats-prefix'?: string | undefined
}

const prefixPattern = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/

/**
 * @param values of the command line
 * @param fromEnvironment the servers, when the command line does not name them
 * @returns undefined when there is no word of NATS
 * @throws {CommandLineError} when something is missing, or not as it must be; it shows no password
 */
export function parseNatsOptions(values: NatsArguments, fromEnvironment: string | undefined): NatsOptions | undefined {
  const { nats, 'nats-creds': credentialsFile, 'nats-ca': caFile, 'nats-prefix': prefix } = values
  const text = nats ?? fromEnvironment
  if (text === undefined || (text === '' && nats === undefined)) {
    for (const name of ['nats-creds', 'nats-ca', 'nats-prefix'] as const) {
      if (values[name] !== undefined) throw new CommandLineError(`--${name} needs --nats <urls>: which servers?`)
    }
    return undefined
  }
  const source = nats === undefined ? 'CIM_NATS' : '--nats'
  const urls = text.split(',').map((part) => parseServer(part.trim(), source))
  const identities = new Set(
    urls.map(({ username, password }) => `${username}:${password}`).filter((one) => one !== ':'),
  )
  if (identities.size > 1) {
    throw new CommandLineError(`${source} has URLs of different users. Name one user, who is known to all servers.`)
  }
  if (identities.size === 1 && credentialsFile !== undefined) {
    throw new CommandLineError(`--nats-creds stands beside a user in ${source}: name one of them.`)
  }
  if (prefix !== undefined && !prefixPattern.test(prefix)) {
    throw new CommandLineError(
      `--nats-prefix must be letters, digits, '_' or '-', with dots between them, got '${prefix}'.`,
    )
  }
  return {
    servers: urls.map(({ host }) => `nats://${host}`),
    ...identityOf(urls.find(({ username }) => username !== '')),
    ...(credentialsFile === undefined ? undefined : { credentialsFile }),
    isEncrypted: caFile !== undefined || urls.some(({ protocol }) => protocol === 'tls:'),
    ...(caFile === undefined ? undefined : { caFile }),
    ...(prefix === undefined ? undefined : { prefix }),
  }
}

/** @returns what the streams are called under a prefix: services with different ones share nothing */
export function namesWith(prefix: string | undefined): { readonly streamName: string; readonly bucket: string } {
  const before = prefix === undefined ? '' : `${prefix.replaceAll('.', '-')}-`
  return { streamName: `${before}EVENTS`, bucket: `${before}PROCESSING` }
}

function parseServer(text: string, source: string): URL {
  const url = URL.parse(text)
  const isServer = url !== null && /^(nats|tls):$/.test(url.protocol) && url.hostname !== ''
  const isBare = isServer && /^\/?$/.test(url.pathname) && url.search === '' && url.hash === ''
  if (isBare && isDecodable(url.username + url.password)) return url
  // A URL that cannot be read may hold a password all the same.
  const shown = text.includes('@') ? 'one with a user' : `'${text}'`
  throw new CommandLineError(
    `${source} must be one URL or several with commas between them, for instance nats://127.0.0.1:4222 or tls://user:password@n1.example.org, got ${shown}.`,
  )
}

function isDecodable(text: string): boolean {
  try {
    return decodeURIComponent(text) !== undefined
  } catch {
    return false
  }
}

/** A user without a password is a token, as NATS's own tools take it. */
function identityOf(url: URL | undefined): Pick<NatsOptions, 'user' | 'password' | 'token'> {
  if (url === undefined) return {}
  const user = decodeURIComponent(url.username)
  return url.password === '' ? { token: user } : { user, password: decodeURIComponent(url.password) }
}
