/** `POST /admin/sagas/…/retry` and `…/cancel`: lets a stuck instance go on, or ends one. */

import { type Application, type CommandAcknowledgment, ValidationError } from '@cim/core'
import type { Context } from 'hono'
import { jsonReply, type Reply } from '../../reply.ts'
import { readJsonObject } from '../../request/json-object.ts'
import type { Route } from '../../route.ts'
import { acknowledgmentStatus } from '../command-route.ts'
import { instancePath, namedBy, noInstance } from './saga-routes.ts'

const cancelSubject = 'request to cancel a saga'
const longestReason = 1000

/** @param application whose sagas are steered */
export function sagaActions({ sagas }: Application): readonly Route[] {
  const steer = async (
    context: Context,
    act: (sagaName: string, sagaId: string) => Promise<CommandAcknowledgment>,
  ): Promise<Reply> => {
    const { sagaName, sagaId } = namedBy(context)
    if ((await sagas.timeline(sagaName, sagaId)).length === 0) throw noInstance(sagaName, sagaId)
    const acknowledgment = await act(sagaName, sagaId)
    return jsonReply(acknowledgmentStatus[acknowledgment.status], acknowledgment, { 'cache-control': 'no-store' })
  }
  return [
    {
      method: 'POST',
      path: `${instancePath}/retry`,
      async handle(context, principal) {
        await readJsonObject(context, 'request to retry a saga', {})
        return steer(context, (sagaName, sagaId) => sagas.retry(sagaName, sagaId, principal?.userId))
      },
    },
    {
      method: 'POST',
      path: `${instancePath}/cancel`,
      async handle(context, principal) {
        const { reason } = await readJsonObject(context, cancelSubject, { reason: 'string' })
        const checked = checkReason(reason)
        return steer(context, (sagaName, sagaId) => sagas.cancel(sagaName, sagaId, checked, principal?.userId))
      },
    },
  ]
}

function checkReason(reason: unknown): string {
  if (typeof reason === 'string' && reason.trim() !== '' && reason.length <= longestReason) return reason
  const message = `must be 1 to ${longestReason} characters: the journal keeps why the saga was ended`
  throw new ValidationError(cancelSubject, [{ pointer: '/reason', message }])
}
