/** The processes of the fault suite. */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { BusyOptions, Told } from './told.ts'

/** Runs them until it is told to stop. */
export class BusyProcesses implements Disposable {
  readonly #children: readonly ChildProcess[]
  readonly #exits: Promise<readonly unknown[]>

  /** @param hear is given each line that one of them tells */
  constructor(all: readonly BusyOptions[], hear: (told: Told) => void) {
    const program = join(import.meta.dirname, 'busy-process.ts')
    this.#children = all.map((options) => {
      return fork(program, [JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
    })
    const exits = this.#children.map(async (child) => {
      const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
      lines.on('line', (line) => hear(JSON.parse(line) as Told))
      const [[code]] = await Promise.all([once(child, 'exit'), once(lines, 'close')])
      return code as unknown
    })
    this.#exits = Promise.all(exits)
  }

  /** How many have ended by themselves: none should. */
  get ended(): number {
    return this.#children.filter(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null).length
  }

  /** @returns their exit codes, when each has finished what it was doing and told of it */
  stop(): Promise<readonly unknown[]> {
    for (const child of this.#children) if (child.connected) child.disconnect()
    return this.#exits
  }

  [Symbol.dispose](): void {
    for (const child of this.#children) child.kill('SIGKILL')
  }
}
