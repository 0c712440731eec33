/** Reads the parameters in a request's query string. */

import { escapePointer, ValidationError } from '@cim/core'
import { checkPercentEncoding } from './percent-encoding.ts'

/** The parameters of one request. */
export class QueryString {
  readonly #values = new Map<string, string[]>()
  readonly #subject: string

  /**
   * @param url the request's
   * @param subject what the parameters belong to, for messages
   * @throws {HttpRequestError} `bad-request` when a percent-encoding is not UTF-8
   */
  constructor(url: string, subject: string) {
    this.#subject = subject
    const start = url.indexOf('?')
    if (start === -1) return
    const search = url.slice(start + 1)
    checkPercentEncoding(search, 'query string')
    for (const [name, value] of new URLSearchParams(search)) {
      const values = this.#values.get(name)
      if (values === undefined) this.#values.set(name, [value])
      else values.push(value)
    }
  }

  /** @throws {ValidationError} when a parameter came that is not among those known */
  allowOnly(known: readonly string[]): void {
    const issues = [...this.#values.keys()]
      .filter((name) => !known.includes(name))
      .map((name) => ({ pointer: pointerTo(name), message: `is unknown. Known: ${known.join(', ')}` }))
    if (issues.length > 0) throw new ValidationError(this.#subject, issues)
  }

  /** @returns every value of a parameter, in order */
  all(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }

  /** @returns the value; undefined when it is not given @throws {ValidationError} when it is given twice */
  one(name: string): string | undefined {
    const values = this.all(name)
    if (values.length > 1) throw this.invalid(name, 'must be given once')
    return values[0]
  }

  /** @returns the whole number from `least` to `most`; undefined when it is not given */
  wholeNumber(name: string, range: { readonly least: number; readonly most?: number }): number | undefined {
    const text = this.one(name)
    if (text === undefined) return undefined
    const { least, most = Number.MAX_SAFE_INTEGER } = range
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
    if (value >= least && value <= most) return value
    throw this.invalid(name, `must be a whole number from ${least} to ${most}, got ${JSON.stringify(text)}`)
  }

  /** @returns the parameters that are not reserved; those given several times as arrays */
  toParameters(reserved: readonly string[]): Record<string, string | readonly string[]> {
    const entries = [...this.#values]
      .filter(([name]) => !reserved.includes(name))
      .map(([name, values]) => [name, values.length === 1 ? (values[0] ?? '') : values] as const)
    // Makes own properties even of `__proto__`.
    return Object.fromEntries(entries)
  }

  /** @returns the query string with one parameter set anew */
  with(name: string, value: string): string {
    const parameters = new URLSearchParams(
      [...this.#values].flatMap(([key, values]) => values.map((each) => [key, each])),
    )
    parameters.set(name, value)
    return parameters.toString()
  }

  /** @returns an error about one parameter; about all of them when the name is empty */
  invalid(name: string, message: string): ValidationError {
    return new ValidationError(this.#subject, [{ pointer: name === '' ? '' : pointerTo(name), message }])
  }
}

function pointerTo(name: string): string {
  return `/${escapePointer(name)}`
}
