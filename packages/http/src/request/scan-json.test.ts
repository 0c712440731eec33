import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scanJson } from './scan-json.ts'

test('the fields of the outermost object are listed with their repeats', () => {
  const { topLevelFields } = scanJson('{"a": {"a": 1, "b": [{"c": 2}]}, "b\\"": "x:y", "a": ["{\\"d\\": 1}"]}')
  assert.deepEqual(topLevelFields, ['"a"', '"b\\""', '"a"'])
})

test('depth counts arrays and objects, but not what looks like them within strings', () => {
  assert.equal(scanJson('1').depth, 0)
  assert.equal(scanJson('{"a": "[[[[", "b": [[]]}').depth, 3)
  assert.equal(scanJson('"\\\\"').depth, 0)
  assert.equal(scanJson('["\\\\", [0]]').depth, 2)
})

test('a text that is not JSON gives some outline and never fails', () => {
  for (const text of ['', '"', '{"a', '}}}}', '\\"', '{"a\\', '::::', '{"a":"\\\\\\'])
    assert.ok(scanJson(text).depth >= 0)
})
