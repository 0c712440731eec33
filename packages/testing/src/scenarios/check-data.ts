/** Checks what a scenario is given against the definition's own schemas. */

import { encodeJson, parseWith, type Schema, ValidationError } from '@cim/core'
import { ScenarioError } from './scenario-error.ts'

/**
 * @param schema of the data; undefined when the definition has none by that name
 * @param data what came
 * @param subject for the message, for instance `given event PersonCreated`
 * @returns what the schema made of the data
 * @throws {ScenarioError} when it does not fit, is not plain JSON, or cannot be checked at once
 */
export function checkData(schema: Schema | undefined, data: unknown, subject: string): unknown {
  if (schema === undefined) throw new ScenarioError(`The ${subject} is not defined.`)
  let parsed: unknown
  try {
    encodeJson(data ?? null)
    parsed = parseWith(schema, data, subject)
  } catch (error) {
    if (error instanceof ValidationError) throw new ScenarioError(error.message)
    if (error instanceof TypeError) throw new ScenarioError(`The ${subject} is not valid: ${error.message}`)
    throw error
  }
  if (parsed instanceof Promise) {
    parsed.catch(() => undefined)
    throw new ScenarioError(`The schema of the ${subject} is asynchronous; scenarios need one that answers at once.`)
  }
  return parsed
}
