/** Lets everything else that is ready run first. */

declare const setImmediate: ((resume: () => void) => unknown) | undefined

/** Resolves in the next turn of the event loop, after pending input and output. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    // setImmediate costs microseconds where it exists; a timer costs at least a millisecond.
    if (typeof setImmediate === 'function') setImmediate(resolve)
    else setTimeout(resolve, 0)
  })
}
