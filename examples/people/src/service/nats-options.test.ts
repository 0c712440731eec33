import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseServiceOptions, type ServiceOptions } from './service-options.ts'

describe("what the service's command line says of NATS", () => {
  test('is one server or several, one prefix, and how to come in', () => {
    assert.deepEqual(natsOf(['--nats', 'nats://127.0.0.1:4222']), {
      servers: ['nats://127.0.0.1:4222'],
      isEncrypted: false,
    })
    const args = ['--nats=tls://n1.example.org, nats://n2.example.org:4223', '--nats-prefix', 'hr.people']
    assert.deepEqual(natsOf([...args, '--nats-creds=service.creds', '--nats-ca=ca.pem']), {
      servers: ['nats://n1.example.org', 'nats://n2.example.org:4223'],
      credentialsFile: 'service.creds',
      isEncrypted: true,
      caFile: 'ca.pem',
      prefix: 'hr.people',
    })
  })

  test('takes user and password, or a token, out of the URLs', () => {
    assert.deepEqual(natsOf(['--nats', 'nats://ada:se%2Fcret@n1:4222,nats://n2:4222']), {
      servers: ['nats://n1:4222', 'nats://n2:4222'],
      user: 'ada',
      password: 'se/cret',
      isEncrypted: false,
    })
    assert.equal(natsOf(['--nats', 'nats://a-token@n1:4222'])?.token, 'a-token')
  })

  test('may come from the environment, and an empty text there counts as none', () => {
    assert.deepEqual(natsOf([], { CIM_NATS: 'nats://n1:4222' })?.servers, ['nats://n1:4222'])
    assert.equal(natsOf([], { CIM_NATS: '' }), undefined)
    assert.deepEqual(natsOf(['--nats=nats://n2'], { CIM_NATS: 'nats://n1:4222' })?.servers, ['nats://n2'])
  })

  test('is refused with the name of the option that is wrong, and without a password', () => {
    const cases: readonly (readonly [string[], RegExp])[] = [
      [['--nats', '127.0.0.1:4222'], /^--nats must be one URL or several .*, got '127\.0\.0\.1:4222'\.$/],
      [['--nats='], /^--nats must be one URL or several .*, got ''\.$/],
      [['--nats', 'http://127.0.0.1:4222'], /^--nats must be .* got 'http:/],
      [['--nats', 'nats://n1:4222,'], /^--nats must be .* got ''\.$/],
      [['--nats', 'nats://n1:4222/stream'], /^--nats must be .* got 'nats:\/\/n1:4222\/stream'\.$/],
      [['--nats', 'nats://ada:secret@n1:port'], /^--nats must be (?!.*secret).* got one with a user\.$/],
      [['--nats', 'nats://ada:%zz@n1'], /^--nats must be (?!.*zz).* got one with a user\.$/],
      [['--nats', 'nats://ada:secret@n1,nats://bob:secret@n2'], /^--nats has URLs of different users\. (?!.*secret)/],
      [
        ['--nats', 'nats://ada:secret@n1', '--nats-creds=x'],
        /^--nats-creds stands beside a user in --nats: (?!.*secret)/,
      ],
      [['--nats', 'nats://n1', '--nats-prefix', 'a b'], /^--nats-prefix must be .* got 'a b'\.$/],
      [['--nats-creds', 'x'], /^--nats-creds needs --nats <urls>/],
      [['--nats-prefix', 'x'], /^--nats-prefix needs --nats <urls>/],
    ]
    for (const [args, message] of cases) assert.throws(() => natsOf(args), { code: 'command-line', message })
    assert.throws(() => natsOf([], { CIM_NATS: 'n1' }), { message: /^CIM_NATS must be one URL/ })
  })
})

function natsOf(args: readonly string[], environment: Readonly<Record<string, string>> = {}): ServiceOptions['nats'] {
  return (parseServiceOptions(args, environment) as ServiceOptions).nats
}
