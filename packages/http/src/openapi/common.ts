/** What every operation of the OpenAPI document shares. */

import { problemKinds } from '../problems/problem-kinds.ts'
import type { JsonSchema } from './schemas.ts'

const timestamp: JsonSchema = { type: 'string', format: 'date-time' }
const position: JsonSchema = { type: 'integer', minimum: 0, description: 'A place in the whole event store.' }
const version: JsonSchema = { type: 'integer', minimum: 0, description: 'How many events the aggregate has.' }
const id: JsonSchema = { type: 'string', minLength: 1, maxLength: 200 }

/** Schemas that do not depend on the application. */
export const commonSchemas: Readonly<Record<string, JsonSchema>> = {
  CommandAcknowledgment: {
    type: 'object',
    required: ['status', 'aggregateId', 'version', 'position', 'timestamp', 'commandId'],
    properties: {
      status: { enum: ['Accepted', 'Rejected', 'Pending'] },
      aggregateId: id,
      version,
      position,
      timestamp,
      commandId: id,
      reason: {
        type: 'object',
        description: 'The business rule that refused the command. Present when rejected.',
        required: ['code', 'message'],
        properties: { code: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
  DomainEventEnvelope: {
    type: 'object',
    required: [
      'eventId',
      'aggregateType',
      'aggregateId',
      'sequence',
      'position',
      'eventType',
      'schemaVersion',
      'eventData',
      'metadata',
      'timestamp',
    ],
    properties: {
      eventId: id,
      aggregateType: { type: 'string' },
      aggregateId: id,
      sequence: { type: 'integer', minimum: 1, description: 'Place in its aggregate, without gaps.' },
      position,
      eventType: { type: 'string' },
      schemaVersion: { type: 'integer', minimum: 1 },
      eventData: { description: 'As it was stored; see the schemas called event.{aggregateType}.{eventType}.' },
      metadata: { type: 'object', additionalProperties: { type: 'string' } },
      timestamp,
    },
  },
  EventPage: {
    type: 'object',
    required: ['events', 'position', 'isEnd'],
    properties: {
      events: { type: 'array', items: { $ref: '#/components/schemas/DomainEventEnvelope' } },
      position: { ...position, description: 'Ask for the next page after it.' },
      isEnd: { type: 'boolean', description: 'True when there was nothing more to find.' },
    },
  },
  Aggregate: {
    type: 'object',
    required: ['aggregateType', 'aggregateId', 'version', 'position', 'timestamp', 'state'],
    properties: { aggregateType: { type: 'string' }, aggregateId: id, version, position, timestamp, state: {} },
  },
  AggregateHistory: {
    type: 'object',
    required: ['aggregateType', 'aggregateId', 'events', 'isEnd'],
    properties: {
      aggregateType: { type: 'string' },
      aggregateId: id,
      events: { type: 'array', items: { $ref: '#/components/schemas/HistoryEntry' } },
      isEnd: { type: 'boolean' },
      next: { type: 'string', description: 'The path of the next page. Present unless this is the last one.' },
    },
  },
  HistoryEntry: {
    type: 'object',
    description: 'An event in the current schema version, and what it changed in the state.',
    required: ['eventId', 'eventType', 'sequence', 'position', 'timestamp', 'data', 'metadata', 'differences'],
    properties: {
      eventId: id,
      eventType: { type: 'string' },
      sequence: { type: 'integer', minimum: 1 },
      position,
      timestamp,
      data: {},
      metadata: { type: 'object', additionalProperties: { type: 'string' } },
      differences: {
        type: 'array',
        items: {
          type: 'object',
          required: ['pointer', 'kind'],
          properties: {
            pointer: { type: 'string', description: 'RFC 6901 JSON pointer into the state.' },
            kind: { enum: ['added', 'removed', 'changed'] },
            before: {},
            after: {},
          },
        },
      },
    },
  },
  Problem: {
    type: 'object',
    description: 'RFC 9457. Branch on `code`.',
    required: ['type', 'title', 'status', 'detail', 'code'],
    properties: {
      type: { type: 'string', format: 'uri-reference' },
      title: { type: 'string' },
      status: { type: 'integer' },
      detail: { type: 'string' },
      code: { enum: [...problemKinds.keys()] },
      errors: {
        type: 'array',
        items: {
          type: 'object',
          required: ['pointer', 'message'],
          properties: {
            pointer: { type: 'string', description: 'RFC 6901 JSON pointer into the body or the parameters.' },
            message: { type: 'string' },
          },
        },
      },
      errorId: { type: 'string', description: 'What to look for in the log of the service.' },
    },
  },
  Readiness: {
    type: 'object',
    required: ['status'],
    properties: {
      status: { enum: ['ready', 'unready'] },
      reasons: { type: 'array', items: { type: 'string' }, description: 'Why it is not ready.' },
      warnings: { type: 'array', items: { type: 'string' }, description: 'What someone should look at all the same.' },
    },
  },
}

/** Headers of requests and responses. */
export const parameters: Readonly<Record<string, object>> = {
  IdempotencyKey: headerParameter('Idempotency-Key', 'The command id: sent again, it gives the first acknowledgment.'),
  IfMatch: headerParameter('If-Match', 'The version that the sender has seen, in quotes; "0": must not exist yet.'),
  CorrelationId: headerParameter('X-Correlation-ID', 'One id for all that the command causes.'),
  Prefer: headerParameter('Prefer', '`respond-async`: queue the command; with `wait=n`, wait for it up to n seconds.'),
  PreferWait: headerParameter('Prefer', '`wait=n`: wait for the final acknowledgment up to n seconds.'),
  LastEventId: headerParameter('Last-Event-ID', 'Resumes a live stream after this position.'),
}

function headerParameter(name: string, description: string): object {
  return { name, in: 'header', description, schema: { type: 'string' } }
}

/** @returns a query parameter */
export function queryParameter(name: string, description: string, schema: JsonSchema): object {
  return { name, in: 'query', description, schema }
}

/** @returns a reference to one of {@link parameters} */
export function parameterRef(name: string): object {
  return { $ref: `#/components/parameters/${name}` }
}

/** @returns a response with a JSON body */
export function jsonResponse(description: string, schema: JsonSchema, headers?: object): object {
  return { description, ...(headers === undefined ? {} : { headers }), content: { 'application/json': { schema } } }
}

/**
 * @param codes of problems that an operation may answer with
 * @returns its responses by status, and one for all others
 */
export function problemResponses(codes: readonly string[]): Readonly<Record<string, object>> {
  const byStatus = new Map<number, string[]>()
  for (const code of codes) {
    const status = problemKinds.get(code)?.status ?? 500
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  const content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }
  return {
    ...Object.fromEntries([...byStatus].map(([status, all]) => [status, { description: all.join(', '), content }])),
    default: { description: 'Any other problem.', content },
  }
}
