/** `GET /openapi.json` */

import type { CheckedHttpApiOptions } from '../http-api-options.ts'
import type { Route } from '../route.ts'
import { openApiDocument } from './openapi-document.ts'

/** @returns the route; the document is made when it is first asked for */
export function openApiRoute(options: CheckedHttpApiOptions): Route {
  const { application, title, version, token, authenticate } = options
  const isProtected = token !== undefined || authenticate !== undefined
  const headers = { 'content-type': 'application/json' }
  let body: string | undefined
  return {
    method: 'GET',
    path: '/openapi.json',
    handle() {
      body ??= JSON.stringify(openApiDocument(application, { title, version, isProtected }))
      return { status: 200, headers, body }
    },
  }
}
