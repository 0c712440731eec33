/** Connects, and says what is wrong when that fails. */

import { StoreUnavailableError, UnauthenticatedError } from '@cim/core'
import { AuthorizationError, type NatsConnection } from '@nats-io/nats-core'
import { connect, type NodeConnectionOptions } from '@nats-io/transport-node'
import { natsClientOptions } from './client-options.ts'
import type { NatsConnectionOptions } from './connection-options.ts'

/**
 * @throws {InvalidOptionError} when the options contradict each other, or a file is missing
 * @throws {UnauthenticatedError} when the servers do not let this user in
 * @throws {StoreUnavailableError} when no server can be reached, or its certificate is not trusted
 */
export async function connectToNats(options: NatsConnectionOptions): Promise<NatsConnection> {
  const wanted: NodeConnectionOptions = natsClientOptions(options)
  try {
    return await connect(wanted)
  } catch (cause) {
    throw explain([options.servers].flat().join(', '), cause)
  }
}

function explain(servers: string, cause: unknown): Error {
  const causes = chainOf(cause)
  const said = causes.map((error) => error.message).join(': ')
  if (causes.some((error) => error instanceof AuthorizationError)) {
    return new UnauthenticatedError(
      `NATS: ${servers} does not let this user in (${said}). Compare user, password, token, nkey or credentials file with the server's.`,
      { cause },
    )
  }
  const isCertificate = /certificate|self-signed|altnames|TLS|SSL/i.test(said)
  const advice = isCertificate
    ? "Name the authority that signed the server's certificate in tls.caFile, connect by a name that the certificate has, and give certFile and keyFile if the server asks for them."
    : 'Check that a server runs there; if it asks for certificates, that tls.certFile is one which it trusts.'
  return new StoreUnavailableError(`NATS: no connection to ${servers} (${said}). ${advice}`, { cause })
}

function chainOf(error: unknown): readonly Error[] {
  return error instanceof Error ? [error, ...chainOf(error.cause)] : []
}
