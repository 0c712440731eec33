// Loaded before a service that is soaked: collects its garbage and tells its memory whenever it is asked. Needs --expose-gc.

/** What a process uses once its garbage is collected, in bytes. */
export type Memory = {
  /** Of JavaScript, and of what it holds outside of its heap. */
  readonly heap: number
  readonly resident: number
}

process.on('message', () => {
  globalThis.gc?.()
  const { heapUsed, external, rss } = process.memoryUsage()
  process.send?.({ heap: heapUsed + external, resident: rss } satisfies Memory)
})
// Listening shall not keep the service from ending.
process.channel?.unref()
