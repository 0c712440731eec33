import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { hasErrorCode } from '@cim/core'
import { nkeys } from '@nats-io/nats-core'
import { JetStreamEventStore } from '../jetstream-event-store.ts'
import { startNatsServer } from '../test-support/nats-server.ts'
import { natsClientOptions } from './client-options.ts'
import { connectToNats } from './connect-to-nats.ts'
import type { NatsConnectionOptions } from './connection-options.ts'

let folder: string

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'cim-nats-connection-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

/** Connects and asks something. */
async function talk(options: NatsConnectionOptions): Promise<void> {
  const connection = await connectToNats(options)
  await connection.flush()
  await connection.close()
}

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString()

describe('a connection', { timeout: 60_000 }, () => {
  test('is let in with user and password, and not with another password', async () => {
    await using server = await startNatsServer({ configuration: 'authorization { user: ada, password: "s3cret" }' })
    await talk({ servers: server.url, user: 'ada', password: 's3cret' })
    await assert.rejects(talk({ servers: server.url, user: 'ada', password: 'guess' }), (error) => {
      assert.ok(hasErrorCode(error, 'unauthenticated'))
      assert.match(error.message, /does not let this user in .* Compare user, password/)
      return !error.message.includes('guess')
    })
  })

  test('is let in with a token', async () => {
    await using server = await startNatsServer({ configuration: 'authorization { token: "t0ken" }' })
    await talk({ servers: server.url, token: 't0ken' })
    await assert.rejects(talk({ servers: server.url }), { code: 'unauthenticated' })
  })

  test('is let in with an nkey, given or in a file', async () => {
    const [pair, stranger] = [nkeys.createUser(), nkeys.createUser()]
    const configuration = `authorization { users: [{ nkey: ${pair.getPublicKey()} }] }`
    await using server = await startNatsServer({ configuration })
    await talk({ servers: server.url, nkeySeed: textOf(pair.getSeed()) })
    await talk({ servers: server.url, nkeySeedFile: file('user.nk', `${textOf(pair.getSeed())}\n`) })
    await assert.rejects(talk({ servers: server.url, nkeySeed: textOf(stranger.getSeed()) }), {
      code: 'unauthenticated',
    })
  })

  test('is let in with a credentials file, and the event store works with it', async () => {
    const [operator, account, user] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createUser()]
    const limits = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 }
    const storage = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 }
    const accountToken = jwt(operator, account, { type: 'account', limits: { ...limits, ...storage } })
    const userToken = jwt(account, user, { type: 'user', subs: -1, data: -1, payload: -1 })
    const system = nkeys.createAccount()
    const systemToken = jwt(operator, system, { type: 'account', limits })
    await using server = await startNatsServer({
      configuration: [
        `operator: ${jwt(operator, operator, { type: 'operator' })}`,
        'resolver: MEMORY',
        `system_account: ${system.getPublicKey()}`,
        `resolver_preload: { ${account.getPublicKey()}: ${accountToken}, ${system.getPublicKey()}: ${systemToken} }`,
      ].join('\n'),
    })
    const seed = `-----BEGIN USER NKEY SEED-----\n${textOf(user.getSeed())}\n------END USER NKEY SEED------\n`
    const credentialsFile = file(
      'user.creds',
      `-----BEGIN NATS USER JWT-----\n${userToken}\n------END NATS USER JWT------\n\n${seed}`,
    )
    const options = { servers: server.url, credentialsFile }
    await talk(options)
    await using store = await JetStreamEventStore.open({ servers: server.url, connect: natsClientOptions(options) })
    await store.appendEvents({ aggregateType: 'A', aggregateId: '1' }, [{ eventType: 'B', eventData: null }], {
      expectedVersion: 0,
    })
    assert.equal(await store.headPosition(), 1)
    await assert.rejects(talk({ servers: server.url }), { code: 'unauthenticated' })
  })

  test('is encrypted, trusts the named authority alone, and shows its own certificate', async () => {
    const [ca, otherCa] = [authority('ca'), authority('other')]
    const [serverCertificate, client] = [certificate('server', ca), certificate('client', ca)]
    const files = `cert_file: "${serverCertificate.cert}", key_file: "${serverCertificate.key}", ca_file: "${ca.cert}"`
    await using server = await startNatsServer({ configuration: `tls { ${files}, verify: true }` })
    const own = { certFile: client.cert, keyFile: client.key }
    await talk({ servers: server.url, tls: { caFile: ca.cert, ...own } })
    const refused = [
      [{ caFile: otherCa.cert, ...own }, /Name the authority .* in tls\.caFile/],
      [own, /Name the authority .* in tls\.caFile/],
      [true, /Name the authority .* in tls\.caFile/],
      [{ caFile: ca.cert }, /tls\.certFile is one which it trusts|certFile and keyFile/],
    ] as const
    for (const [tls, message] of refused) {
      await assert.rejects(talk({ servers: server.url, tls }), (error) => {
        assert.ok(hasErrorCode(error, 'store-unavailable'), String(error))
        assert.match(error.message, message)
        return true
      })
    }
    const options = natsClientOptions({ servers: server.url, tls: { caFile: ca.cert, ...own } })
    await using store = await JetStreamEventStore.open({ servers: server.url, connect: options })
    assert.equal(await store.headPosition(), 0)
  })

  test('that cannot be made says what to check', async () => {
    await assert.rejects(
      talk({ servers: 'nats://127.0.0.1:1' }),
      /no connection to nats:\/\/127\.0\.0\.1:1 .* Check that a server runs there/,
    )
  })

  const seed = textOf(nkeys.createUser().getSeed())
  const wrong: readonly [object, RegExp][] = [
    [{ servers: [] }, /'servers' must be one URL or several/],
    [{ user: 'ada' }, /'password' and user belong together/],
    [{ user: 'ada', password: 'x', token: 't' }, /'user' stands beside token: name one way/],
    [{ nkeySeed: `${seed}x` }, /'nkeySeed' must be a user's nkey seed/],
    [{ nkeySeedFile: '/not/there' }, /'nkeySeedFile' names a file that is not there: \/not\/there/],
    [
      { credentialsFile: join(import.meta.dirname, 'permissions.ts') },
      /'credentialsFile' must be a file with a user's JWT/,
    ],
    [{ tls: { certFile: 'x' } }, /'certFile' and keyFile belong together/],
    [{ tls: { caFile: '/not/there' } }, /'tls\.caFile' names a file that is not there/],
    [{ tls: { rejectUnauthorized: false } }, /'rejectUnauthorized' is unknown/],
    [{ pass: 'x' }, /'pass' is unknown/],
  ]
  for (const [options, message] of wrong) {
    test(`is refused before it is tried: ${message.source}`, () => {
      const call = () => natsClientOptions({ servers: 'nats://127.0.0.1:1', ...options })
      assert.throws(call, (error: Error) => message.test(error.message) && !error.message.includes(seed))
    })
  }
})

type Pair = ReturnType<typeof nkeys.createUser>

/** A token as `nsc` makes it. */
function jwt(issuer: Pair, subject: Pair, nats: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = {
    jti: 'test',
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
  }
  const signed = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part({ ...claims, name: 'test', nats: { ...nats, version: 2 } })}`
  return `${signed}.${Buffer.from(issuer.sign(Buffer.from(signed))).toString('base64url')}`
}

interface Certificate {
  readonly cert: string
  readonly key: string
}

function openssl(...parts: readonly string[]): void {
  try {
    execFileSync('openssl', parts, { stdio: 'pipe' })
  } catch (cause) {
    throw new Error('This test makes its certificates with openssl: install it, and see that it is on the PATH.', {
      cause,
    })
  }
}

function authority(name: string): Certificate {
  const [cert, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)]
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '1',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    key,
    '-out',
    cert,
  )
  return { cert, key }
}

function certificate(name: string, ca: Certificate): Certificate {
  const [cert, key, request] = ['pem', 'key', 'csr'].map((ending) => join(folder, `${name}.${ending}`)) as [
    string,
    string,
    string,
  ]
  const extensions = file(
    `${name}.ext`,
    'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n',
  )
  openssl(
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    key,
    '-out',
    request,
  )
  openssl(
    'x509',
    '-req',
    '-in',
    request,
    '-CA',
    ca.cert,
    '-CAkey',
    ca.key,
    '-CAcreateserial',
    '-days',
    '1',
    '-extfile',
    extensions,
    '-out',
    cert,
  )
  return { cert, key }
}
