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
      hrUrl: undefined,
      hrDays: 3,
      nats: undefined,
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
      '--hr-url',
      'https://hr.example.org/hires?key=1',
      '--hr-days=10',
    ]
    assert.deepEqual(parseServiceOptions(args, { CIM_TOKEN: 'other' }), {
      port: 0,
      host: '::1',
      dataFolder: 'there',
      token: 'a-secret-of-length',
      logLevel: 'info',
      hrUrl: 'https://hr.example.org/hires?key=1',
      hrDays: 10,
      nats: undefined,
    })
    assert.equal(parseServiceOptions(['--help', '--port', 'x'], {}), 'help')
  })

  test('takes the token from the environment, and an empty one for none', () => {
    const tokenOf = (value: string) => (parseServiceOptions([], { CIM_TOKEN: value }) as { token: unknown }).token
    assert.equal(tokenOf('a-secret-of-length'), 'a-secret-of-length')
    assert.equal(tokenOf(''), undefined)
  })

  test("takes HR's URL from the environment, and an empty one for none", () => {
    const urlOf = (value: string) => (parseServiceOptions([], { CIM_HR_URL: value }) as { hrUrl: unknown }).hrUrl
    assert.equal(urlOf('http://127.0.0.1:8080'), 'http://127.0.0.1:8080/')
    assert.equal(urlOf(''), undefined)
    const message = /^CIM_HR_URL must be a URL with http: or https:, (?!.*secret)/
    assert.throws(() => urlOf('ftp://secret.example.org'), { code: 'command-line', message })
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
      [['--hr-url', 'hr.example.org'], /^--hr-url must be a URL with http: or https:, without user and password, /],
      [['--hr-url', 'https://me:secret@hr.example.org'], /^--hr-url must be (?!.*secret)/],
      [['--hr-days', '0'], /^--hr-days must be a whole number of days from 1 to 9999, got '0'\.$/],
      [['--hr-days', 'soon'], /^--hr-days must be .* got 'soon'\.$/],
      [['--token', 'short'], /^--token must have at least 16 printable ASCII characters without spaces, /],
      [['--token', 'sixteen and more letters'], /^--token must have/],
    ]
    for (const [args, message] of cases)
      assert.throws(() => parseServiceOptions(args, {}), { code: 'command-line', message })
  })
})
