/** The paths under `/admin/sagas`. */

import { getting, type Operation, posting, reading } from './admin-operations.ts'
import { jsonResponse, queryParameter } from './common.ts'
import { countedStatuses } from './saga-schemas.ts'
import { type JsonSchema, refTo } from './schemas.ts'

const text: JsonSchema = { type: 'string' }
const limit: JsonSchema = { type: 'integer', minimum: 1, maximum: 1000 }
const reason: JsonSchema = { type: 'string', minLength: 1, maxLength: 1000 }
const instance = ['saga', 'sagaId'].map((name) => ({ name, in: 'path', required: true, schema: text }))
const known = [...reading, 'unknown-saga', 'view-not-ready']
const named = [...reading, 'unknown-saga', 'not-found']

/** @returns paths by name */
export function sagaPaths(): Readonly<Record<string, object>> {
  const path = '/admin/sagas/{saga}/{sagaId}'
  const filter = [
    queryParameter('saga', 'Only instances of this saga.', text),
    queryParameter('status', 'Only these.', { enum: countedStatuses }),
    queryParameter('quietFor', 'Only those to which nothing has happened for so long: ISO-8601, or seconds.', text),
    queryParameter('after', 'What the page before gave as next.', text),
    queryParameter('limit', 'How many at most; 100 when left out.', limit),
  ]
  const page = [
    queryParameter('from', 'The first event of the timeline to show.', { type: 'integer', minimum: 1 }),
    queryParameter('limit', 'How many events at most; 100 when left out.', limit),
  ]
  return {
    '/admin/sagas': {
      get: getting('getSagas', 'How many instances there are, and which.', filter, refTo('SagaPage'), known),
    },
    [path]: {
      get: getting('getSaga', 'An instance and its timeline.', [...instance, ...page], refTo('SagaDetail'), named),
    },
    [`${path}/retry`]: { post: steering('retrySaga', 'Let a stuck instance take its inputs again.', {}) },
    [`${path}/cancel`]: {
      post: steering('cancelSaga', 'End an instance: what it has done is compensated.', { reason }),
    },
  }
}

function steering(operationId: string, summary: string, fields: Readonly<Record<string, JsonSchema>>): Operation {
  const answer = refTo('CommandAcknowledgment')
  const operation = posting(operationId, summary, instance, answer, fields, Object.keys(fields), [
    ...named,
    'concurrency',
  ])
  const rejected = jsonResponse('Rejected: its status does not allow it.', answer)
  return { ...operation, responses: { ...operation.responses, 422: rejected } }
}
