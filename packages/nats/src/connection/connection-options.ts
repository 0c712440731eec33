/** How to reach NATS servers, and as whom. */

/** How a connection is encrypted, and with which certificates. All are paths of PEM files. */
export interface NatsTlsOptions {
  /** Who has signed the servers' certificates; the system's authorities when left out. */
  readonly caFile?: string
  /** Our own certificate, for servers that ask for one; needs `keyFile`. */
  readonly certFile?: string
  readonly keyFile?: string
  /** Encrypts before the server says its first word; the server must be set up so. */
  readonly handshakeFirst?: boolean
}

/** Servers, at most one way to say who we are, and TLS. */
export interface NatsConnectionOptions {
  /** For instance `nats://127.0.0.1:4222`. Several of one cluster are tried in turn. */
  readonly servers: string | readonly string[]
  /** Needs `password`. */
  readonly user?: string
  readonly password?: string
  readonly token?: string
  /** The seed of an nkey: `SU…`. Rather name a file. */
  readonly nkeySeed?: string
  readonly nkeySeedFile?: string
  /** A file with a JWT and its nkey, as `nsc` makes it. */
  readonly credentialsFile?: string
  /** `true` asks for TLS with the system's authorities. When left out, TLS is used when the server offers it. */
  readonly tls?: boolean | NatsTlsOptions
  /** What servers list this connection as; `cim` when left out. */
  readonly connectionName?: string
  /** Where replies come to, for users that may listen to their own inboxes alone; `_INBOX` when left out. */
  readonly inboxPrefix?: string
}
