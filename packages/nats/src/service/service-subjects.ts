/** Where commands and queries are sent. */

import { InvalidOptionError } from '@cim/core'

const prefixPattern = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/

/** The subjects under one prefix: `<prefix>.commands.<Type>.<CommandType>` and `<prefix>.queries.<QueryType>`. */
export class ServiceSubjects {
  readonly #prefix: string

  /**
   * @param owner whose option it is, for the message
   * @param prefix tokens with dots between them; undefined for none
   * @throws {InvalidOptionError} when it is no prefix
   */
  constructor(owner: string, prefix: string | undefined) {
    if (prefix !== undefined && !prefixPattern.test(prefix)) {
      const expected = "must be tokens of letters, digits, '_' or '-' with dots between them"
      throw new InvalidOptionError(owner, 'subjectPrefix', `${expected}, got ${JSON.stringify(prefix)}.`)
    }
    this.#prefix = prefix === undefined ? '' : `${prefix}.`
  }

  command(aggregateType: string, commandType: string): string {
    return `${this.#prefix}commands.${aggregateType}.${commandType}`
  }

  query(queryType: string): string {
    return `${this.#prefix}queries.${queryType}`
  }
}

/** @returns the name of the command or query in the subject of a request */
export function nameIn(subject: string): string {
  return subject.slice(subject.lastIndexOf('.') + 1)
}
