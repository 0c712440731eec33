/** One OpenAPI operation per command and per query. */

import type { AggregateDefinition, QueryDefinition } from '@cim/core'
import { maxWaitMs, reservedParameters } from '../routes/query-route.ts'
import { jsonResponse, parameterRef, problemResponses, queryParameter } from './common.ts'
import {
  commandSchemaName,
  componentOf,
  type JsonSchema,
  parametersSchemaName,
  refTo,
  resultSchemaName,
} from './schemas.ts'

const acknowledgment = refTo('CommandAcknowledgment')

const acknowledgmentHeaders = {
  ETag: { description: "The aggregate's version, in quotes.", schema: { type: 'string' } },
  'X-Position': { description: 'Give it to a query as `after`.', schema: { type: 'integer' } },
  'X-Correlation-ID': { description: 'The correlation id.', schema: { type: 'string' } },
}

const pendingHeaders = {
  Location: { description: 'Where to ask for its final acknowledgment.', schema: { type: 'string' } },
  'Preference-Applied': { description: 'What was preferred and done.', schema: { type: 'string' } },
  'X-Correlation-ID': acknowledgmentHeaders['X-Correlation-ID'],
}

/** @returns paths by name */
export function commandPaths(definition: AggregateDefinition): readonly (readonly [string, object])[] {
  return Object.keys(definition.commands).map((commandType) => [
    `/commands/${commandType}`,
    { post: commandOperation(definition.aggregateType, commandType) },
  ])
}

function commandOperation(aggregateType: string, commandType: string): object {
  const schema = {
    type: 'object',
    required: ['data'],
    additionalProperties: false,
    properties: {
      aggregateId: {
        type: 'string',
        minLength: 1,
        maxLength: 200,
        description: `The ${aggregateType}; derived from the command id when left out.`,
      },
      data: refTo(commandSchemaName(commandType)),
    },
  }
  return {
    operationId: commandType,
    tags: [aggregateType],
    parameters: ['IdempotencyKey', 'IfMatch', 'CorrelationId', 'Prefer'].map(parameterRef),
    requestBody: { required: true, content: { 'application/json': { schema } } },
    responses: {
      200: jsonResponse('Accepted: done and durable.', acknowledgment, acknowledgmentHeaders),
      202: jsonResponse('Pending: durable, and will be executed later.', acknowledgment, pendingHeaders),
      422: jsonResponse('Rejected by a business rule.', acknowledgment, acknowledgmentHeaders),
      ...problemResponses([
        'validation',
        'invalid-json',
        'invalid-header',
        'unauthenticated',
        'forbidden',
        'cross-origin',
        'concurrency',
        'command-id-reused',
        'version-mismatch',
        'body-too-large',
        'payload-too-large',
        'unsupported-media-type',
        'internal',
        'command-queue-full',
        'stopping',
        'store-closed',
        'store-full',
        'store-locked',
        'store-unavailable',
      ]),
    },
  }
}

/** @returns the path and what it takes */
export function queryPath(definition: QueryDefinition): readonly [string, object] {
  const { queryType } = definition
  const result = jsonResponse('The result.', refTo(resultSchemaName(queryType))) as { readonly content: object }
  const live = { 'text/event-stream': { schema: { type: 'string' } } }
  const get = {
    operationId: queryType,
    tags: ['Queries'],
    summary:
      'The result now as JSON, or live as text/event-stream: an event `result` now and each time that it changes.',
    parameters: [
      ...parametersOf(definition),
      queryParameter('after', 'The views read must have seen this position.', { type: 'integer', minimum: 0 }),
      queryParameter('wait', 'How long to wait for that, in milliseconds; 2000 when left out.', {
        type: 'integer',
        minimum: 0,
        maximum: maxWaitMs,
      }),
      queryParameter(
        'asOf',
        'Answer as of this position, or this ISO-8601 time, in the past. Without `after` and `wait`.',
        {
          type: 'string',
          examples: ['42', '2026-06-15T12:00:00Z'],
        },
      ),
      parameterRef('LastEventId'),
    ],
    responses: {
      200: { ...result, content: { ...result.content, ...live } },
      ...problemResponses([
        'validation',
        'bad-request',
        'unauthenticated',
        'not-found',
        'internal',
        'historical-view',
        'consistency-timeout',
        'view-not-ready',
        'invalid-header',
        'too-many-streams',
      ]),
    },
  }
  return [`/queries/${queryType}`, { get }]
}

/** A repeated key is an array; that is what OpenAPI calls style `form`, exploded, and what it takes when nothing is said. */
function parametersOf({ queryType, parameters }: QueryDefinition): readonly object[] {
  const schema: {
    readonly properties?: Readonly<Record<string, JsonSchema>>
    readonly required?: readonly string[]
  } = componentOf(parametersSchemaName(queryType), parameters)
  if (schema.properties === undefined) {
    return [{ name: 'parameters', in: 'query', schema: { type: 'object', additionalProperties: true } }]
  }
  return Object.entries(schema.properties)
    .filter(([name]) => !reservedParameters.includes(name))
    .map(([name, property]) => ({
      name,
      in: 'query',
      required: schema.required?.includes(name) === true,
      schema: property,
    }))
}
