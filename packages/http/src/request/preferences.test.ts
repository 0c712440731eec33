import assert from 'node:assert/strict'
import { test } from 'node:test'
import { preferencesOf } from './preferences.ts'

test('preferences are found among others, in any case and order; what is not understood is passed over', () => {
  for (const [text, isAsync, waitMs] of [
    [undefined, false, undefined],
    ['respond-async', true, undefined],
    ['Respond-Async, WAIT=10', true, 10_000],
    ['handling=lenient; a="x, respond-async", wait = "2" ; b', false, 2000],
    ['return=minimal,respond-async;foo=bar', true, undefined],
    ['wait=5, wait=7', false, 5000],
    ['wait=0', false, 0],
    ['wait=3600', false, 30_000],
    ['wait=soon, wait=', false, undefined],
    ['wait=-1', false, undefined],
    ['respond-asynchronously, "respond-async', false, undefined],
    [',,;=,"', false, undefined],
  ] as const) {
    const headers = new Headers(text === undefined ? {} : { Prefer: text })
    assert.deepEqual(preferencesOf(headers, 30_000), { isAsync, waitMs }, String(text))
  }
})
