/** The fingerprints of states and documents that one check keeps and the next compares with, as lines of text. */

import { ValidationError } from '../errors/input-errors.ts'

/** An aggregate as some code folded it. */
export interface AggregateFingerprint {
  readonly aggregateType: string
  readonly aggregateId: string
  /** Position of its first event: what the aggregates are in the order of. */
  readonly firstPosition: number
  readonly version: number
  /** Undefined when that code could not fold it, or JSON cannot carry it. */
  readonly hash: number | undefined
  /** The state itself, when states were kept. */
  readonly state?: unknown
}

/** A view document as some code projected it. */
export interface DocumentFingerprint {
  readonly viewName: string
  readonly viewVersion: number
  readonly documentId: string
  readonly hash: number
  /** The document itself, when states were kept. */
  readonly document?: unknown
}

const format = 'cim-fingerprints'
const formatVersion = 1

/** @returns the first line */
export function headerLine(position: number): string {
  return JSON.stringify({ format, formatVersion, position })
}

/** @returns the last line: a file without it was cut short */
export function endLine(aggregates: number, documents: number): string {
  return JSON.stringify({ aggregates, documents })
}

/** @returns one line */
export function aggregateLine(one: AggregateFingerprint): string {
  const fields = [one.aggregateType, one.aggregateId, one.firstPosition, one.version, one.hash ?? null]
  return JSON.stringify(one.state === undefined ? ['a', ...fields] : ['a', ...fields, one.state])
}

/** @returns one line */
export function documentLine(one: DocumentFingerprint): string {
  const fields = [one.viewName, one.viewVersion, one.documentId, one.hash]
  return JSON.stringify(one.document === undefined ? ['d', ...fields] : ['d', ...fields, one.document])
}

/** Reads fingerprints line by line, as the check comes to them. */
export class SavedFingerprints {
  readonly #lines: AsyncIterator<string>
  #line = 0
  #aggregate: AggregateFingerprint | undefined
  #document: DocumentFingerprint | undefined
  #isOver = false
  /** Everything up to here had been replayed. */
  position = 0

  constructor(lines: AsyncIterable<string>) {
    this.#lines = lines[Symbol.asyncIterator]()
  }

  /** Reads the first line. @throws {ValidationError} when these are no fingerprints */
  async open(): Promise<void> {
    const header = (await this.#parseNext()) as { readonly [name: string]: unknown } | undefined
    if (header?.format !== format || !Number.isSafeInteger(header.position)) {
      throw this.#invalid('must be the first line of saved fingerprints. Give a file that an earlier check has saved')
    }
    if (header.formatVersion !== formatVersion) {
      throw this.#invalid(`has format version ${String(header.formatVersion)}, this program reads ${formatVersion}`)
    }
    this.position = header.position as number
    await this.#advance()
  }

  /** The next aggregate, undefined after the last one. */
  get aggregate(): AggregateFingerprint | undefined {
    return this.#aggregate
  }

  /** The next document, undefined after the last one and before the last aggregate. */
  get document(): DocumentFingerprint | undefined {
    return this.#document
  }

  /** Goes on to the next one. @throws {ValidationError} when the line is not well-formed, or the last one is missing */
  async next(): Promise<void> {
    await this.#advance()
  }

  async close(): Promise<void> {
    await this.#lines.return?.()
  }

  async #advance(): Promise<void> {
    this.#aggregate = undefined
    this.#document = undefined
    if (this.#isOver) return
    const value = await this.#parseNext()
    if (!Array.isArray(value)) {
      if (value === undefined) throw this.#invalid('is missing: the fingerprints were cut short. Save them anew')
      this.#isOver = true
      return
    }
    const [kind, ...fields] = value as unknown[]
    if (kind === 'a') {
      const [aggregateType, aggregateId, firstPosition, version, hash, state] = fields
      this.#aggregate = {
        aggregateType,
        aggregateId,
        firstPosition,
        version,
        hash: hash ?? undefined,
        state,
      } as AggregateFingerprint
    } else if (kind === 'd') {
      const [viewName, viewVersion, documentId, hash, document] = fields
      this.#document = { viewName, viewVersion, documentId, hash, document } as DocumentFingerprint
    } else throw this.#invalid('must be the fingerprint of an aggregate or a document')
  }

  async #parseNext(): Promise<unknown> {
    this.#line++
    const { done, value } = await this.#lines.next()
    if (done === true) return undefined
    try {
      return JSON.parse(value)
    } catch {
      throw this.#invalid('must be JSON')
    }
  }

  #invalid(message: string): ValidationError {
    return new ValidationError('saved fingerprints', [
      { pointer: `/${this.#line}`, message: `line ${this.#line} ${message}` },
    ])
  }
}
