/** Shows on a terminal how far something is. Elsewhere it shows nothing. */

import type { CliStream } from './cli-stream.ts'

const millisecondsPerFrame = 100
const widestBar = 30
const eraseLine = '\r\u001b[2K'

/** One line that is drawn again and again. */
export class ProgressBar {
  readonly #output: CliStream
  #shownAt = Number.NEGATIVE_INFINITY

  constructor(output: CliStream) {
    this.#output = output
  }

  /** @param what is done @param done of @param total */
  show(what: string, done: number, total: number): void {
    const now = performance.now()
    if (this.#output.isTTY !== true || (now - this.#shownAt < millisecondsPerFrame && done < total)) return
    this.#shownAt = now
    const share = total === 0 ? 1 : done / total
    const text = `${String(Math.floor(share * 100)).padStart(3)}% ${what}, ${done.toLocaleString('en')} of ${total.toLocaleString('en')}`
    const width = Math.max(0, Math.min(widestBar, (this.#output.columns || 80) - text.length - 4))
    const full = Math.round(width * share)
    this.#output.write(`${eraseLine}[${'#'.repeat(full)}${'-'.repeat(width - full)}] ${text}`)
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#output.isTTY === true) this.#output.write(eraseLine)
  }
}
