/** Validates with any Standard Schema library and reports issues with JSON pointers. */

import type { StandardSchemaV1 } from '@standard-schema/spec'
import { ValidationError, type ValidationIssue } from '../errors/input-errors.ts'

/** A schema of any library that implements Standard Schema, for instance Zod 4. */
export type Schema<TOutput = unknown> = StandardSchemaV1<unknown, TOutput>

/** Schemas by name. */
export type SchemaMap = Readonly<Record<string, StandardSchemaV1>>

/** What each schema of a map gives. */
export type Outputs<TSchemas extends SchemaMap> = {
  readonly [Name in keyof TSchemas]: StandardSchemaV1.InferOutput<TSchemas[Name]>
}

/**
 * @param schema what is expected
 * @param value what came
 * @param subject what the value is, for the message
 * @returns what the schema made of the value; a promise only when the schema is asynchronous
 * @throws {ValidationError} with every issue that the schema found; one when it failed itself, with the cause
 */
export function parseWith<TOutput>(
  schema: StandardSchemaV1<unknown, TOutput> | StandardSchemaV1,
  value: unknown,
  subject: string,
): TOutput | Promise<TOutput> {
  try {
    const result = schema['~standard'].validate(value)
    if (!(result instanceof Promise)) return outcome<TOutput>(result, subject)
    return result.then(
      (late) => outcome<TOutput>(late, subject),
      (cause) => refuse(cause, subject),
    )
  } catch (cause) {
    return refuse(cause, subject)
  }
}

/** What a schema cannot even look at, it does not accept: `{"length": {"valueOf": 1}}` makes some of them fail. */
function refuse(cause: unknown, subject: string): never {
  if (cause instanceof ValidationError) throw cause
  const name = cause instanceof Error ? cause.name : typeof cause
  throw new ValidationError(
    subject,
    [{ pointer: '', message: `cannot be checked: the schema failed with a ${name}` }],
    {
      cause,
    },
  )
}

function outcome<TOutput>(result: StandardSchemaV1.Result<unknown>, subject: string): TOutput {
  if (result.issues === undefined) return result.value as TOutput
  throw new ValidationError(subject, result.issues.map(toIssue))
}

function toIssue(issue: StandardSchemaV1.Issue): ValidationIssue {
  const pointer = (issue.path ?? []).map((step) => {
    const key = typeof step === 'object' ? step.key : step
    return `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`
  })
  return { pointer: pointer.join(''), message: issue.message }
}

/**
 * @param schema a schema whose library can describe itself as JSON Schema (Zod 4.2 and later can)
 * @returns its JSON Schema (draft 2020-12) for what comes in, or `{}`, which allows anything, when the library cannot say
 * @see https://standardschema.dev/json-schema
 */
export function jsonSchemaOf(schema: StandardSchemaV1): Record<string, unknown> {
  const standard: object = schema['~standard']
  if (!('jsonSchema' in standard)) return {}
  const converter = standard.jsonSchema as {
    readonly input: (options: { readonly target: string }) => Record<string, unknown>
  }
  try {
    const { $schema: _, ...described } = converter.input({ target: 'draft-2020-12' })
    return described
  } catch {
    // The specification lets a converter throw for what it cannot describe; "anything" is the honest description then.
    return {}
  }
}
