/** Names that the service knows, so that not every request ends at an unknown one. */

import { type Draw, pick, whole } from './draw.ts'

/** What was there when the service began. */
export interface KnownNames {
  readonly processors: readonly string[]
  readonly views: readonly string[]
  readonly builds: readonly string[]
}

/** So many requests have the same aggregates, so that they meet; then come others, as every record is closed some day. */
const requestsPerGeneration = 150
const perGeneration = { person: 3, organization: 2, employment: 3 }

/** Names for one request. */
export class Names {
  readonly #known: KnownNames
  readonly #generation: number

  /** @param index of the request */
  constructor(known: KnownNames, index: number) {
    this.#known = known
    this.#generation = Math.floor(index / requestsPerGeneration)
  }

  /** @returns the id of an aggregate by the name of its type, or of anything that may have one */
  aggregateId(draw: Draw, type: string): string {
    if (/organization|child/i.test(type)) return this.#id(draw, 'organization')
    if (/employment/i.test(type)) return this.#id(draw, 'employment')
    return this.#id(draw, 'person')
  }

  /** @returns the id of a command that may have come before */
  commandId(draw: Draw): string {
    return `command-${this.#generation}-${whole(draw, 0, 9)}`
  }

  /** @returns what may stand for a parameter of a path; undefined for one that is not known */
  inPath(draw: Draw, name: string): string | undefined {
    switch (name) {
      case 'processor':
        return pick(draw, this.#known.processors)
      case 'view':
        return pick(draw, this.#known.views)
      case 'build':
        return pick(draw, this.#known.builds)
      case 'saga':
        return 'HiringProcess'
      case 'aggregateType':
        return pick(draw, ['Person', 'Organization', 'Employment'])
      case 'aggregateId':
        return this.#id(draw, pick(draw, ['person', 'organization', 'employment']))
      case 'sagaId':
        return this.#id(draw, 'person')
      case 'commandId':
        return this.commandId(draw)
      default:
        return undefined
    }
  }

  #id(draw: Draw, kind: keyof typeof perGeneration): string {
    return `${kind}-${this.#generation}-${whole(draw, 1, perGeneration[kind])}`
  }
}
