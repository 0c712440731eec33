/** Waits for something, but no longer than a signal allows. */

/**
 * @param work goes on when nobody waits any longer
 * @param signal when left out, it is waited for as long as it takes
 * @throws the signal's reason, when it aborts first
 */
export async function orAborted<TResult>(work: Promise<TResult>, signal: AbortSignal | undefined): Promise<TResult> {
  if (signal === undefined) return work
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal.reason)
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
