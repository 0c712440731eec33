/** Errors that the caller can mend by sending something else. */

import { CimError } from './cim-error.ts'

/** One thing wrong with an input. */
export interface ValidationIssue {
  /** RFC 6901 JSON pointer to the place, `""` for the whole input. */
  readonly pointer: string
  /** What was expected there. */
  readonly message: string
}

/** An input does not have the shape its schema asks for. Nothing was done with it. */
export class ValidationError extends CimError {
  override readonly name = 'ValidationError'
  readonly code = 'validation'
  /** What was validated, for instance `command CreatePerson`. */
  readonly subject: string
  readonly issues: readonly ValidationIssue[]

  constructor(subject: string, issues: readonly ValidationIssue[], options?: ErrorOptions) {
    const list = issues.map((issue) => `${issue.pointer === '' ? '(root)' : issue.pointer}: ${issue.message}`)
    super(`The ${subject} is not valid. ${list.join('; ')}`, options)
    this.subject = subject
    this.issues = issues
  }
}

/** An option that a function or constructor does not know, or whose value is out of range. A bug in the calling code. */
export class InvalidOptionError extends CimError {
  override readonly name = 'InvalidOptionError'
  readonly code = 'invalid-option'
  readonly option: string

  constructor(subject: string, option: string, message: string) {
    super(`${subject}: option '${option}' ${message}`)
    this.option = option
  }
}

/** A definition (aggregate, projection, query, application) that contradicts itself. A bug in the defining code. */
export class InvalidDefinitionError extends CimError {
  override readonly name = 'InvalidDefinitionError'
  readonly code = 'invalid-definition'
}

/** A name that nothing was defined under. */
export class UnknownNameError extends CimError {
  override readonly name = 'UnknownNameError'
  readonly code:
    | 'unknown-command'
    | 'unknown-query'
    | 'unknown-aggregate-type'
    | 'unknown-view'
    | 'unknown-view-build'
    | 'unknown-index'
    | 'unknown-processor'
    | 'unknown-saga'
  readonly unknownName: string

  constructor(code: UnknownNameError['code'], unknownName: string, knownNames: Iterable<string>) {
    const kind = code.slice('unknown-'.length).replaceAll('-', ' ')
    const known = [...knownNames]
    super(
      `There is no ${kind} '${unknownName}'. ${known.length === 0 ? 'None is defined.' : `Known: ${known.join(', ')}.`}`,
    )
    this.code = code
    this.unknownName = unknownName
  }
}

/** Something is larger than the store accepts. Nothing was stored. */
export class PayloadTooLargeError extends CimError {
  override readonly name = 'PayloadTooLargeError'
  readonly code = 'payload-too-large'
  /** The limit that was passed, in the unit that `unit` names. */
  readonly limit: number
  readonly actual: number
  readonly unit: 'bytes' | 'events'

  constructor(subject: string, limit: number, actual: number, unit: 'bytes' | 'events') {
    super(
      `${subject}: at most ${limit} ${unit} are accepted, ${actual} came. Split it, or keep large content elsewhere and store a reference.`,
    )
    this.limit = limit
    this.actual = actual
    this.unit = unit
  }
}

/** The caller did not say who it is, or not convincingly. */
export class UnauthenticatedError extends CimError {
  override readonly name = 'UnauthenticatedError'
  readonly code = 'unauthenticated'
}

/** The caller may not do this. */
export class ForbiddenError extends CimError {
  override readonly name = 'ForbiddenError'
  readonly code = 'forbidden'
}
