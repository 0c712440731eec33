/** `GET /problems/{code}`: what the `type` of a problem document leads to. */

import { jsonReply } from '../reply.ts'
import type { Route } from '../route.ts'
import { HttpRequestError } from './http-errors.ts'
import { problemKinds } from './problem-kinds.ts'

/** Open to everyone: it says nothing about the application. */
export function problemRoute(): Route {
  return {
    method: 'GET',
    path: '/problems/:code',
    isOpen: true,
    handle({ req }) {
      const code = req.param('code') ?? ''
      const kind = problemKinds.get(code)
      if (kind === undefined) throw new HttpRequestError('not-found', `There is no problem ${JSON.stringify(code)}.`)
      return jsonReply(200, { code, status: kind.status, title: kind.title })
    },
  }
}
