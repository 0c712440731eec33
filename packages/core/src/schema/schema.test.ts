import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ValidationError } from '../errors/input-errors.ts'
import { parseWith, type Schema } from './schema.ts'

test('a schema that fails instead of finding issues, at once or later, has not accepted the value', async () => {
  const cause = new TypeError('Cannot convert object to primitive value')
  for (const validate of [
    () => {
      throw cause
    },
    () => Promise.reject(cause),
  ]) {
    const schema: Schema = { '~standard': { version: 1, vendor: 'test', validate } }
    await assert.rejects(
      async () => parseWith(schema, {}, 'command Rename'),
      (error: ValidationError) => {
        assert.deepEqual([error.code, error.cause], ['validation', cause])
        assert.deepEqual(error.issues, [
          { pointer: '', message: 'cannot be checked: the schema failed with a TypeError' },
        ])
        return true
      },
    )
  }
})
