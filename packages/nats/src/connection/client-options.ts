/** What the NATS client takes, from our options. */

import { existsSync, readFileSync } from 'node:fs'
import { checkOptions, InvalidOptionError } from '@cim/core'
import { type Authenticator, credsAuthenticator, nkeyAuthenticator } from '@nats-io/nats-core'
import type { NatsConnectionOptions, NatsTlsOptions } from './connection-options.ts'

const subject = 'NATS connection'
const identities = ['user', 'token', 'nkeySeed', 'nkeySeedFile', 'credentialsFile'] as const
const known = [...identities, 'servers', 'password', 'tls', 'connectionName', 'inboxPrefix']

/**
 * What `connect` of `@nats-io/transport-node` takes, and {@link JetStreamEventStoreOptions.connect} too. A connection that
 * once stood is tried again for ever.
 * @returns the options of the NATS client, with what the named files hold
 * @throws {InvalidOptionError} when the options contradict each other, or a file is missing
 */
export function natsClientOptions(options: NatsConnectionOptions): Readonly<Record<string, unknown>> {
  checkOptions(subject, options, known)
  const { servers, tls, connectionName = 'cim', inboxPrefix, user, password, token } = options
  const list = [servers].flat()
  if (list.length === 0 || list.some((server) => typeof server !== 'string' || server === '')) {
    throw new InvalidOptionError(
      subject,
      'servers',
      "must be one URL or several, for instance 'nats://127.0.0.1:4222'.",
    )
  }
  checkIdentity(options)
  const authenticator = authenticatorOf(options)
  return {
    name: connectionName,
    // A server that is away for an hour is not a reason to give up for good.
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    // One that hangs is left within seconds.
    pingInterval: 4000,
    maxPingOut: 2,
    // A server that does not like our certificate may say so by silence.
    timeout: 5000,
    servers: list,
    ...(inboxPrefix !== undefined && { inboxPrefix }),
    ...(user !== undefined && { user, pass: password ?? '' }),
    ...(token !== undefined && { token }),
    ...(authenticator !== undefined && { authenticator }),
    ...tlsOf(tls),
  }
}

function checkIdentity(options: NatsConnectionOptions): void {
  const given = identities.filter((name) => options[name] !== undefined)
  if (given.length > 1) {
    const message = `stands beside ${given.slice(1).join(', ')}: name one way to say who connects.`
    throw new InvalidOptionError(subject, given[0] ?? '', message)
  }
  if ((options.user === undefined) !== (options.password === undefined)) {
    throw new InvalidOptionError(subject, 'password', 'and user belong together: give both, or neither.')
  }
}

function authenticatorOf(options: NatsConnectionOptions): Authenticator | undefined {
  const { nkeySeedFile, credentialsFile } = options
  if (credentialsFile !== undefined) {
    const credentials = readFile('credentialsFile', credentialsFile)
    if (!credentials.includes('BEGIN NATS USER JWT') || !credentials.includes('NKEY SEED')) {
      const message = `must be a file with a user's JWT and nkey seed, as 'nsc generate creds' makes it; ${credentialsFile} is none.`
      throw new InvalidOptionError(subject, 'credentialsFile', message)
    }
    return credsAuthenticator(Buffer.from(credentials))
  }
  const name = nkeySeedFile === undefined ? 'nkeySeed' : 'nkeySeedFile'
  const seed = nkeySeedFile === undefined ? options.nkeySeed : readFile('nkeySeedFile', nkeySeedFile).trim()
  if (seed === undefined) return undefined
  // The seed itself is a secret: no message shows it.
  if (!/^SU[A-Z2-7]{56}$/.test(seed)) {
    throw new InvalidOptionError(subject, name, "must be a user's nkey seed: 58 characters that begin with SU.")
  }
  return nkeyAuthenticator(Buffer.from(seed))
}

function tlsOf(tls: boolean | NatsTlsOptions | undefined): { readonly tls?: object | null } {
  if (tls === undefined) return {}
  if (tls === false) return { tls: null }
  if (tls === true) return { tls: {} }
  checkOptions(`${subject} tls`, tls, ['caFile', 'certFile', 'keyFile', 'handshakeFirst'])
  const { caFile, certFile, keyFile, handshakeFirst } = tls
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new InvalidOptionError(`${subject} tls`, 'certFile', 'and keyFile belong together: give both, or neither.')
  }
  return {
    tls: {
      ...(caFile !== undefined && { ca: readFile('tls.caFile', caFile) }),
      ...(certFile !== undefined && { cert: readFile('tls.certFile', certFile) }),
      ...(keyFile !== undefined && { key: readFile('tls.keyFile', keyFile) }),
      ...(handshakeFirst !== undefined && { handshakeFirst }),
    },
  }
}

function readFile(option: string, path: string): string {
  if (!existsSync(path)) throw new InvalidOptionError(subject, option, `names a file that is not there: ${path}.`)
  return readFileSync(path, 'utf8')
}
