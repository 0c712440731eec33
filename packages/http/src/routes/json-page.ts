/** A page of values as JSON, cut short before it takes too much memory. */

/** Characters of JSON from which on a page is full. The value that crosses this line is the page's last. */
const maxLength = 4 * 1024 * 1024

/** Collects the values of one page. It holds at least one, however large that is. */
export class JsonPage {
  readonly #limit: number
  readonly #texts: string[] = []
  #length = 0

  /** @param limit the most values, from 1 */
  constructor(limit: number) {
    this.#limit = limit
  }

  get isFull(): boolean {
    return this.#texts.length >= this.#limit || this.#length >= maxLength
  }

  /** How many more values would fit if they were as large as those so far; 0 when the page is full. */
  get room(): number {
    if (this.isFull) return 0
    const left = this.#limit - this.#texts.length
    if (this.#length === 0) return left
    return Math.min(left, Math.ceil((maxLength - this.#length) / (this.#length / this.#texts.length)))
  }

  /** @param value plain JSON */
  add(value: object): void {
    const text = JSON.stringify(value)
    this.#texts.push(text)
    this.#length += text.length
  }

  /** @returns the values as a JSON array */
  toJson(): string {
    return `[${this.#texts.join(',')}]`
  }
}
