import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDuration } from './duration.ts'

test('a duration is ISO-8601 or a number of seconds', () => {
  for (const [text, expected] of [
    ['90', 90_000],
    ['0', 0],
    ['PT1H', 3_600_000],
    ['PT90M', 5_400_000],
    ['PT5S', 5000],
    ['P3D', 259_200_000],
    ['P2W', 1_209_600_000],
    ['P1W2DT3H4M5S', ((9 * 24 + 3) * 3600 + 4 * 60 + 5) * 1000],
  ] as const) {
    assert.equal(parseDuration(text), expected, text)
  }
})

test('nothing else is', () => {
  for (const text of [
    '',
    'P',
    'PT',
    'P1DT',
    '1h',
    'P1Y',
    'P1M',
    'PT1.5H',
    '-5',
    '1e3',
    'p1d',
    'P1D ',
    ' 5',
    'P1H',
    'PT1D',
  ]) {
    assert.equal(parseDuration(text), undefined, text)
  }
})
