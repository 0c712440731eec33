/** Loaded before a service: leaks so many bytes as it is told with everything that the service waits for. */

import { createHook } from 'node:async_hooks'

const kept: unknown[] = []

process.on('message', (bytes: number) => {
  const slots = Math.ceil(bytes / 8)
  const leak = (): void => {
    kept.push(new Array(slots).fill(kept))
  }
  createHook({ init: leak }).enable()
})
