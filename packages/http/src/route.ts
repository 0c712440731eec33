/** One path of the API and what answers it. */

import type { Context } from 'hono'
import type { Principal } from './principal.ts'
import type { Reply } from './reply.ts'

/** Answers a request. Throws what `toProblem` understands. */
export type Handler = (context: Context, principal: Principal | undefined) => Reply | Promise<Reply>

/** A path and what answers it. */
export interface Route {
  readonly method: 'GET' | 'POST'
  /** A path with parameters, for instance `/queries/:queryType`. */
  readonly path: string
  /** True when it answers without a token. */
  readonly isOpen?: boolean
  readonly handle: Handler
}
