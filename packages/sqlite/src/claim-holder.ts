/** Which process a claim was given to, so that nobody has to wait for one that has ended. */

import { readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** A process that was given a claim. */
export interface ClaimHolder {
  /** Where its process id means something. */
  readonly machine: string
  readonly processId: number
  /** When it began, milliseconds since 1970: tells it from a later process with the same id. */
  readonly processStart: number
}

/** @returns this process; its threads are all the same holder */
export function thisProcess(): ClaimHolder {
  return { machine: hostname() + processNamespace(), processId: process.pid, processStart: performance.timeOrigin }
}

/**
 * @param holder of a claim
 * @param self this process
 * @returns whether the holder has certainly ended; false when that cannot be known from here
 */
export function hasEnded(holder: ClaimHolder, self: ClaimHolder): boolean {
  if (holder.machine !== self.machine) return false
  // A container that starts anew often gets the same process id again.
  if (holder.processId === self.processId) return holder.processStart !== self.processStart
  try {
    process.kill(holder.processId, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/** Containers that share a host name count their processes each for themselves. */
function processNamespace(): string {
  try {
    return ` ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return ''
  }
}
