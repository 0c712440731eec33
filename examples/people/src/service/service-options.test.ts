import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseServiceOptions } from './service-options.ts'

describe("the service's command line", () => {
  test('may be empty', () => {
    assert.deepEqual(parseServiceOptions([], {}), {
      port: 7117,
      host: '127.0.0.1',
      dataFolder: './data',
      token: undefined,
      logLevel: 'warn',
    })
  })

  test('says where to listen, where the data is, and who may come', () => {
    const args = [
      '--port',
      '0',
      '--host=::1',
      '--data',
      'there',
      '--token',
      'a-secret-of-length',
      '--log-level',
      'info',
    ]
    assert.deepEqual(parseServiceOptions(args, { CIM_TOKEN: 'other' }), {
      port: 0,
      host: '::1',
      dataFolder: 'there',
      token: 'a-secret-of-length',
      logLevel: 'info',
    })
    assert.equal(parseServiceOptions(['--help', '--port', 'x'], {}), 'help')
  })

  test('takes the token from the environment, and an empty one for none', () => {
    const tokenOf = (value: string) => (parseServiceOptions([], { CIM_TOKEN: value }) as { token: unknown }).token
    assert.equal(tokenOf('a-secret-of-length'), 'a-secret-of-length')
    assert.equal(tokenOf(''), undefined)
  })

  test('says when the token in the environment is too short, without showing it', () => {
    const message = /^CIM_TOKEN must have at least 16 (?!.*short)/
    assert.throws(() => parseServiceOptions([], { CIM_TOKEN: 'short' }), { code: 'command-line', message })
  })

  test('names the option that is wrong', () => {
    const cases: readonly (readonly [string[], RegExp])[] = [
      [['--prot', '1'], /^Unknown option '--prot'\. See --help\.$/],
      [['serve'], /^Unexpected argument 'serve'\. See --help\.$/],
      [['--port', '70000'], /^--port must be a whole number from 0 to 65535, got '70000'\.$/],
      [['--port', '-1'], /--port/],
      [['--port'], /--port/],
      [['--log-level', 'loud'], /^--log-level must be one of trace, .*, got 'loud'\.$/],
      [['--data', ''], /^--data must not be empty\.$/],
      [['--host='], /^--host must not be empty\.$/],
      [['--token', 'short'], /^--token must have at least 16 printable ASCII characters without spaces, /],
      [['--token', 'sixteen and more letters'], /^--token must have/],
    ]
    for (const [args, message] of cases)
      assert.throws(() => parseServiceOptions(args, {}), { code: 'command-line', message })
  })
})
