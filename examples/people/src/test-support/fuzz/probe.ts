/** Loaded into the service under test: says on request what the process holds, once its garbage is collected. */

import { readdirSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What the process of the service holds. */
export interface Holdings {
  readonly heapUsed: number
  /** Memory outside the heap: buffers. */
  readonly external: number
  readonly residentSet: number
  /** Open file descriptors; missing where the operating system does not list them. */
  readonly descriptors?: number
  /** Timers, sockets, servers and what else keeps the process alive. */
  readonly resources: number
  /** Properties of the prototypes of everything that were not there when the process began. */
  readonly pollution: readonly string[]
}

const prototypes = { Object, Array, Function, String, Number, Boolean, Promise, Map, Set, Date, RegExp, Error, Buffer }

function propertiesOfPrototypes(): readonly string[] {
  return Object.entries(prototypes).flatMap(([name, { prototype }]) =>
    Reflect.ownKeys(prototype).map((key) => `${name}.prototype.${String(key)}`),
  )
}

const atStart = new Set(propertiesOfPrototypes())
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function holdings(): Holdings {
  // What is released by the first round may hold more.
  for (let round = 0; round < 3; round++) collectGarbage()
  const { heapUsed, external, rss } = process.memoryUsage()
  return {
    heapUsed,
    external,
    residentSet: rss,
    ...(process.platform === 'linux' ? { descriptors: readdirSync('/proc/self/fd').length } : undefined),
    resources: process.getActiveResourcesInfo().length,
    pollution: propertiesOfPrototypes().filter((property) => !atStart.has(property)),
  }
}

process.on('message', () => process.send?.(holdings()))
process.channel?.unref()
