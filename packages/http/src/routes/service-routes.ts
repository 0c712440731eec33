/** What whoever runs the service asks: what is there, is it alive, is it ready, how is it doing. */

import type { Application } from '@cim/core'
import { expositionType } from '../metrics/exposition.ts'
import type { Metrics } from '../metrics/metrics.ts'
import { jsonReply } from '../reply.ts'
import type { Route } from '../route.ts'
import { findReadiness } from './readiness.ts'

const noStore = { 'cache-control': 'no-store' }
const isStopping = { reasons: ['The service is stopping.'], warnings: [] }

/** @returns `GET /`, a small index */
export function indexRoute(application: Application, title: string, version: string): Route {
  const index = {
    title,
    version,
    commands: [...application.aggregates.values()].flatMap(({ commands }) => Object.keys(commands)).sort(),
    queries: application.queries.map(({ queryType }) => queryType).sort(),
    aggregateTypes: [...application.aggregates.keys()].sort(),
    paths: [
      '/commands/{commandType}',
      '/commands/{commandId}',
      '/queries/{queryType}',
      '/aggregates/{aggregateType}/{aggregateId}',
      '/aggregates/{aggregateType}/{aggregateId}/events',
      '/events',
      '/admin/processors',
      '/admin/processors/{processor}',
      '/admin/dead-letters',
      '/admin/dead-letters/{processor}/discarded',
      '/admin/dead-letters/{processor}/{aggregateType}/{aggregateId}',
      '/admin/sagas',
      '/admin/sagas/{saga}/{sagaId}',
      '/openapi.json',
      '/problems/{code}',
      '/healthz',
      '/readyz',
      '/metrics',
    ],
  }
  return { method: 'GET', path: '/', handle: () => jsonReply(200, index) }
}

/** @returns `GET /healthz`: whether the process answers at all */
export function healthRoute(): Route {
  return { method: 'GET', path: '/healthz', isOpen: true, handle: () => jsonReply(200, { status: 'alive' }, noStore) }
}

/** @returns `GET /readyz`: whether it makes sense to send requests here */
export function readinessRoute(application: Application, stopping: AbortSignal | undefined): Route {
  return {
    method: 'GET',
    path: '/readyz',
    isOpen: true,
    async handle() {
      const { reasons, warnings } = stopping?.aborted === true ? isStopping : await findReadiness(application)
      const more = warnings.length === 0 ? undefined : { warnings }
      if (reasons.length === 0) return jsonReply(200, { status: 'ready', ...more }, noStore)
      return jsonReply(503, { status: 'unready', reasons, ...more }, { ...noStore, 'retry-after': '5' })
    },
  }
}

/** @returns `GET /metrics` for Prometheus */
export function metricsRoute(application: Application, metrics: Metrics): Route {
  const headers = { ...noStore, 'content-type': expositionType }
  return {
    method: 'GET',
    path: '/metrics',
    handle: async () => ({ status: 200, headers, body: await metrics.render(application) }),
  }
}
