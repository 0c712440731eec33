/** `GET /admin/sagas`: how the sagas are doing, and their instances. */

import type { Application, SagaInstance } from '@cim/core'
import type { Context } from 'hono'
import { HttpRequestError } from '../../problems/http-errors.ts'
import { jsonReply, type Reply } from '../../reply.ts'
import { QueryString } from '../../request/query-string.ts'
import type { Route } from '../../route.ts'
import { JsonPage } from '../json-page.ts'
import { filterNames, findInstances } from './saga-list.ts'

const noStore = { 'cache-control': 'no-store' }

/** Where one instance is. */
export const instancePath = '/admin/sagas/:saga/:sagaId'

/** @param application whose sagas are shown */
export function sagaRoutes(application: Application): readonly Route[] {
  return [
    { method: 'GET', path: '/admin/sagas', handle: (context) => list(application, context) },
    { method: 'GET', path: instancePath, handle: (context) => show(application, context) },
  ]
}

/** Names the instance that a request is about. */
export function namedBy({ req }: Context): { readonly sagaName: string; readonly sagaId: string } {
  return { sagaName: req.param('saga') ?? '', sagaId: req.param('sagaId') ?? '' }
}

/** @returns the error for an instance that was never started */
export function noInstance(sagaName: string, sagaId: string): HttpRequestError {
  return new HttpRequestError(
    'not-found',
    `No ${sagaName} was started under the id ${JSON.stringify(sagaId)}. ` +
      `See /admin/sagas?saga=${encodeURIComponent(sagaName)} for those that were.`,
    { members: { saga: sagaName, sagaId } },
  )
}

async function list({ sagas }: Application, { req }: Context): Promise<Reply> {
  const given = new QueryString(req.raw.url, 'list of sagas')
  given.allowOnly([...filterNames, 'after', 'limit'])
  const totals = await sagas.overview()
  const { instances, next } = await findInstances(sagas, totals, given)
  const sagaName = given.one('saga')
  const shown = sagaName === undefined ? totals : totals.filter((one) => one.sagaName === sagaName)
  const link = next === undefined ? undefined : `</admin/sagas?${given.with('after', next)}>; rel="next"`
  const headers = { ...noStore, ...(link === undefined ? undefined : { link }) }
  return jsonReply(200, { sagas: shown, instances, next }, headers)
}

/** From the journal itself: what was done a moment ago is there. */
async function show(application: Application, context: Context): Promise<Reply> {
  const given = new QueryString(context.req.raw.url, 'page of a timeline')
  given.allowOnly(['from', 'limit'])
  const from = given.wholeNumber('from', { least: 1 }) ?? 1
  const limit = given.wholeNumber('limit', { least: 1, most: 1000 }) ?? 100
  const { sagaName, sagaId } = namedBy(context)
  const events = await application.sagas.timeline(sagaName, sagaId, from)
  const { state, version, timestamp: updatedAt } = await application.stateAt(sagaName, sagaId)
  const aggregate = { aggregateType: sagaName, aggregateId: sagaId }
  const [first] = await application.eventStore.loadEvents(aggregate, { limit: 1 })
  if (first === undefined) throw noInstance(sagaName, sagaId)
  const instance = { sagaName, sagaId, version, startedAt: first.timestamp, updatedAt, ...(state as SagaInstance) }
  const page = new JsonPage(limit)
  let last = version
  for (const event of events) {
    if (page.isFull) break
    page.add(event)
    last = event.sequence
  }
  const end = last < version ? `,"next":${last + 1}` : ''
  return {
    status: 200,
    headers: { 'content-type': 'application/json', ...noStore },
    body: `{"instance":${JSON.stringify(instance)},"timeline":${page.toJson()}${end}}`,
  }
}
