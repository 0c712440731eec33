/** The paths that are the same for every application. */

import type { Application } from '@cim/core'
import { maxWaitMs } from '../routes/query-route.ts'
import { jsonResponse, parameterRef, problemResponses, queryParameter } from './common.ts'
import { refTo } from './schemas.ts'

const whole = { type: 'integer', minimum: 0 }
const text = { type: 'string' }
const timestamp = { type: 'string', format: 'date-time' }
const open = { security: [] }
const reading = ['validation', 'bad-request', 'unauthenticated', 'internal', 'store-closed', 'store-unavailable']

/** @returns paths by name */
export function generalPaths(application: Application): Readonly<Record<string, object>> {
  return { ...queuePaths(), ...aggregatePaths([...application.aggregates.keys()]), ...eventPaths(), ...servicePaths() }
}

function aggregatePaths(aggregateTypes: readonly string[]): Readonly<Record<string, object>> {
  const named = [
    { name: 'aggregateType', in: 'path', required: true, schema: { type: 'string', enum: aggregateTypes } },
    { name: 'aggregateId', in: 'path', required: true, schema: text },
  ]
  const problems = problemResponses([...reading, 'not-found', 'unknown-aggregate-type'])
  const state = {
    operationId: 'getAggregate',
    tags: ['Time travel'],
    summary: "An aggregate's state, now or at one moment of its past.",
    parameters: [
      ...named,
      queryParameter('version', 'After the event with this sequence.', whole),
      queryParameter('position', 'After every event up to this position.', whole),
      queryParameter('at', 'After every event stored at this time or before.', timestamp),
    ],
    responses: { 200: jsonResponse('The state.', refTo('Aggregate')), ...problems },
  }
  const history = {
    operationId: 'getAggregateEvents',
    tags: ['Time travel'],
    summary: "An aggregate's events, and the difference that each made.",
    parameters: [
      ...named,
      queryParameter('from', 'The first version to show.', { type: 'integer', minimum: 1 }),
      queryParameter('limit', 'How many at most; 100 when left out.', { type: 'integer', minimum: 1, maximum: 1000 }),
    ],
    responses: { 200: jsonResponse('A page of events.', refTo('AggregateHistory')), ...problems },
  }
  // A definition without aggregates has no type that could be named.
  if (aggregateTypes.length === 0) return {}
  return {
    '/aggregates/{aggregateType}/{aggregateId}': { get: state },
    '/aggregates/{aggregateType}/{aggregateId}/events': { get: history },
  }
}

function queuePaths(): Readonly<Record<string, object>> {
  const get = {
    operationId: 'getAcknowledgment',
    tags: ['Commands'],
    summary: 'What has become of a command that was answered Pending.',
    parameters: [
      { name: 'commandId', in: 'path', required: true, schema: text },
      queryParameter('wait', 'How long to wait for the final acknowledgment, in milliseconds; 0 when left out.', {
        ...whole,
        maximum: maxWaitMs,
      }),
      parameterRef('PreferWait'),
    ],
    responses: {
      200: jsonResponse('Finished: Accepted or Rejected.', refTo('CommandAcknowledgment')),
      202: jsonResponse('Pending still.', refTo('CommandAcknowledgment')),
      ...problemResponses([...reading, 'unknown-command-id', 'stopping']),
    },
  }
  return { '/commands/{commandId}': { get } }
}

function eventPaths(): Readonly<Record<string, object>> {
  const subjects = { type: 'array', items: text }
  const page = jsonResponse('A page of events.', refTo('EventPage')) as { readonly content: object }
  const live = { 'text/event-stream': { schema: text } }
  const get = {
    operationId: 'getEvents',
    tags: ['Events'],
    summary: 'Events in the order of their positions: a page as JSON, or live as text/event-stream.',
    parameters: [
      queryParameter('subject', 'Patterns as in NATS, for instance events.Person.*', subjects),
      queryParameter('aggregateType', 'Only events of this type of aggregate.', text),
      queryParameter('correlationId', 'Only events with this correlation id.', text),
      queryParameter('after', 'Only events after this position.', whole),
      queryParameter('from', 'Only events stored at this time or later. Not live.', timestamp),
      queryParameter('before', 'Only events stored before this time. Not live.', timestamp),
      queryParameter('limit', 'How many at most; 100 when left out. Not live.', {
        type: 'integer',
        minimum: 1,
        maximum: 1000,
      }),
      parameterRef('LastEventId'),
    ],
    responses: {
      200: { ...page, content: { ...page.content, ...live } },
      ...problemResponses([...reading, 'invalid-header', 'too-many-streams']),
    },
  }
  return { '/events': { get } }
}

function servicePaths(): Readonly<Record<string, object>> {
  const get = (operationId: string, summary: string, responses: object, more?: object): object => ({
    get: { operationId, tags: ['Service'], summary, responses, ...more },
  })
  const plain = { description: 'Metrics.', content: { 'text/plain': { schema: text } } }
  const protectedBy = problemResponses(['unauthenticated'])
  const code = { name: 'code', in: 'path', required: true, schema: text }
  return {
    '/': get('getIndex', 'What is there.', { 200: jsonResponse('An index.', { type: 'object' }), ...protectedBy }),
    '/openapi.json': get('getDescription', 'This document.', {
      200: jsonResponse('OpenAPI 3.1.', { type: 'object' }),
      ...protectedBy,
    }),
    '/problems/{code}': get(
      'getProblem',
      'What a problem is, as its `type` says.',
      { 200: jsonResponse('A problem.', { type: 'object' }), ...problemResponses(['bad-request', 'not-found']) },
      { ...open, parameters: [code] },
    ),
    '/healthz': get('getHealth', 'Alive?', { 200: jsonResponse('Alive.', { type: 'object' }) }, open),
    '/readyz': get(
      'getReadiness',
      'Ready for requests?',
      {
        200: jsonResponse('Ready.', refTo('Readiness')),
        503: jsonResponse('Not ready, with reasons.', refTo('Readiness')),
      },
      open,
    ),
    '/metrics': get('getMetrics', 'Metrics for Prometheus.', { 200: plain, ...protectedBy }),
  }
}
