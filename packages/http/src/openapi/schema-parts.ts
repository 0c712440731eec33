/** What schemas of the administration are made of. */

import type { JsonSchema } from './schemas.ts'

export const text: JsonSchema = { type: 'string' }
export const flag: JsonSchema = { type: 'boolean' }
export const whole: JsonSchema = { type: 'integer', minimum: 0 }
export const amount: JsonSchema = { type: 'number', minimum: 0 }
export const timestamp: JsonSchema = { type: 'string', format: 'date-time' }
/** @returns a reference to a component */
export const ref = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` })
/** @returns an array of these */
export const listOf = (items: JsonSchema): JsonSchema => ({ type: 'array', items })

/** An object whose properties are all there, but for the optional ones. */
export function object(properties: Readonly<Record<string, JsonSchema>>, optional: readonly string[] = []): JsonSchema {
  return { type: 'object', required: Object.keys(properties).filter((name) => !optional.includes(name)), properties }
}
