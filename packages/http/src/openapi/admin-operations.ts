/** How operations under `/admin` are described. */

import { jsonResponse, problemResponses } from './common.ts'
import type { JsonSchema } from './schemas.ts'

/** The problems of whatever reads. */
export const reading: readonly string[] = [
  'validation',
  'bad-request',
  'unauthenticated',
  'forbidden',
  'internal',
  'store-closed',
]
/** Those of what is about one processor. */
export const ofProcessor: readonly string[] = [...reading, 'unknown-processor']
const body = ['invalid-json', 'body-too-large', 'unsupported-media-type', 'cross-origin', 'store-unavailable']

/** An operation of the document. */
export interface Operation {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly summary: string
  readonly parameters: readonly object[]
  readonly requestBody?: object
  readonly responses: Readonly<Record<string, object>>
}

/** @returns an operation that shows something */
export function getting(
  operationId: string,
  summary: string,
  parameters: readonly object[],
  schema: JsonSchema,
  problems: readonly string[],
): Operation {
  const responses = { 200: jsonResponse(summary, schema), ...problemResponses(problems) }
  return { operationId, tags: ['Administration'], summary, parameters, responses }
}

/** @returns an operation that does something, told by a small JSON object */
export function posting(
  operationId: string,
  summary: string,
  parameters: readonly object[],
  answer: JsonSchema,
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[] = [],
  problems: readonly string[] = ofProcessor,
): Operation {
  const schema = {
    type: 'object',
    additionalProperties: false,
    properties,
    ...(required.length === 0 ? undefined : { required }),
  }
  const requestBody = { required: true, content: { 'application/json': { schema } } }
  const responses = { 200: jsonResponse('Done.', answer), ...problemResponses([...problems, ...body]) }
  return { operationId, tags: ['Administration'], summary, parameters, requestBody, responses }
}
