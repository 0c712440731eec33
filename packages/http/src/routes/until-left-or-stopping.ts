/** Work that takes long, and that nobody waits for any more when its client leaves or the service stops. */

import type { Context } from 'hono'
import { clientGone, stoppingError } from '../problems/http-errors.ts'

/**
 * @param context of the request
 * @param stopping aborts when the service is to stop
 * @param work rejects with its signal's reason when that aborts
 */
export async function untilLeftOrStopping<TResult>(
  context: Context,
  stopping: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<TResult>,
): Promise<TResult> {
  const left = context.req.raw.signal
  const signal = stopping === undefined ? left : AbortSignal.any([left, stopping])
  try {
    return await work(signal)
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error
    if (left.aborted) throw clientGone(error)
    throw stoppingError()
  }
}
