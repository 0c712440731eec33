/** Shows how far an import is: a bar on a terminal, a line now and then elsewhere. */

/** Where to show it. */
export interface ProgressOutput {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

const millisecondsPerFrame = 100
const percentPerLine = 10
const widestBar = 40

/** Counts what is done and shows it, no more often than somebody can read. */
export class Progress {
  readonly #output: ProgressOutput
  readonly #total: number
  readonly #now: () => number
  readonly #startedAt: number
  #done = 0
  #shownAt = Number.NEGATIVE_INFINITY
  #shownPercent = 0

  /**
   * @param output a terminal, or something else
   * @param total how much there is to do
   * @param now the clock, in milliseconds
   */
  constructor(output: ProgressOutput, total: number, now: () => number = () => performance.now()) {
    this.#output = output
    this.#total = total
    this.#now = now
    this.#startedAt = now()
  }

  /** One more is done. */
  advance(): void {
    this.#done++
    if (this.#output.isTTY === true) {
      if (this.#now() - this.#shownAt >= millisecondsPerFrame) this.#draw()
    } else if (this.#percent >= this.#shownPercent + percentPerLine) {
      this.#shownPercent = this.#percent
      this.#output.write(`${this.#describe()}\n`)
    }
  }

  /** Says something in between, on a line of its own. */
  say(text: string): void {
    this.#output.write(`${this.#output.isTTY === true ? eraseLine : ''}${text}\n`)
    if (this.#output.isTTY === true) this.#draw()
  }

  /** Leaves the bar as it is in the end. */
  finish(): void {
    if (this.#output.isTTY !== true) return
    this.#draw()
    this.#output.write('\n')
  }

  get #percent(): number {
    return this.#total === 0 ? 100 : Math.floor((this.#done / this.#total) * 100)
  }

  #draw(): void {
    this.#shownAt = this.#now()
    const text = this.#describe()
    const width = Math.max(0, Math.min(widestBar, (this.#output.columns || 80) - text.length - 4))
    const full = Math.round((width * this.#percent) / 100)
    this.#output.write(`${eraseLine}[${'#'.repeat(full)}${'-'.repeat(width - full)}] ${text}`)
  }

  #describe(): string {
    const seconds = Math.max(0.001, (this.#now() - this.#startedAt) / 1000)
    const rate = Math.round(this.#done / seconds)
    const percent = String(this.#percent).padStart(3)
    return `${percent}% ${format(this.#done)} of ${format(this.#total)} commands, ${format(rate)} per second`
  }
}

const eraseLine = '\r\u001b[2K'

function format(count: number): string {
  return count.toLocaleString('en')
}
