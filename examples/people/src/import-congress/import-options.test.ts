import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseImportOptions } from './import-options.ts'

describe("the importer's command line", () => {
  test('needs nothing but the folder', () => {
    assert.deepEqual(parseImportOptions(['--from', 'there'], { CIM_TOKEN: 'secret' }), {
      from: 'there',
      url: 'http://127.0.0.1:7117',
      token: 'secret',
      membershipsSince: '2026-06-15',
      concurrency: 64,
    })
    assert.equal(parseImportOptions(['--help'], {}), 'help')
  })

  test('names the option that is wrong', () => {
    const cases: readonly (readonly [string[], RegExp])[] = [
      [[], /^--from <folder> is missing/],
      [['--form', 'x'], /^Unknown option '--form'\. See --help\.$/],
      [['--from', 'x', '--url', 'ftp://x'], /^--url must be an http or https URL, got 'ftp:\/\/x'\.$/],
      [['--from', 'x', '--memberships-since', '2026-02-30'], /^--memberships-since must be a date/],
      [['--from', 'x', '--concurrency', '0'], /^--concurrency must be a whole number from 1 to 1024, got '0'\.$/],
    ]
    for (const [args, message] of cases)
      assert.throws(() => parseImportOptions(args, {}), { code: 'command-line', message })
  })
})
