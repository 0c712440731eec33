import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { errorOf } from '../sample-account.test.ts'
import { checkLoadOptions, parseTimestamp } from './event-store-options.ts'

describe('a timestamp', () => {
  test('is ISO-8601: a date, or a date and a time with a zone', () => {
    for (const [text, time] of [
      ['2026-06-15', Date.UTC(2026, 5, 15)],
      ['2024-02-29', Date.UTC(2024, 1, 29)],
      ['2026-06-15T12:30Z', Date.UTC(2026, 5, 15, 12, 30)],
      ['2026-06-15T12:30:15Z', Date.UTC(2026, 5, 15, 12, 30, 15)],
      ['2026-06-15T12:30:15.5Z', Date.UTC(2026, 5, 15, 12, 30, 15, 500)],
      ['2026-06-15T12:30:15.123456789Z', Date.UTC(2026, 5, 15, 12, 30, 15, 123)],
      ['2026-06-15T00:30:00+02:00', Date.UTC(2026, 5, 14, 22, 30)],
      ['2026-06-15T23:30:00-02:00', Date.UTC(2026, 5, 16, 1, 30)],
      ['0001-01-01', new Date('0001-01-01').getTime()],
    ] as const) {
      assert.equal(parseTimestamp(text, '/at', 0), time, text)
    }
    assert.equal(parseTimestamp(undefined, '/at', 42), 42)
  })

  test('is refused when it is anything else, also a day that does not exist', async () => {
    const wrong = [
      '',
      'now',
      '2026',
      '2026-06',
      '15.6.2026',
      '2026-06-15T12:30:00',
      '2026-06-15 12:30Z',
      '1781481600000',
    ]
    const impossible = ['2026-02-29', '2026-02-30', '2026-04-31', '2026-13-01', '2026-00-01', '2026-06-15T25:00Z']
    for (const text of [...wrong, ...impossible]) {
      const error = await errorOf(() => parseTimestamp(text, '/at', 0), 'validation')
      assert.match(error.message, /\/at: must be ISO-8601/)
    }
  })
})

describe('options for loading', () => {
  test('are whole numbers, all versions when left out', async () => {
    const most = Number.MAX_SAFE_INTEGER
    assert.deepEqual(checkLoadOptions(undefined), { fromVersion: 1, toVersion: most, limit: most })
    assert.deepEqual(checkLoadOptions({ fromVersion: 0, toVersion: 0, limit: 0 }), {
      fromVersion: 1,
      toVersion: 0,
      limit: 0,
    })
    for (const option of ['fromVersion', 'toVersion', 'limit']) {
      for (const value of [-1, 0.5, Number.NaN, '1']) {
        await errorOf(() => checkLoadOptions({ [option]: value }), 'invalid-option')
      }
    }
  })
})
