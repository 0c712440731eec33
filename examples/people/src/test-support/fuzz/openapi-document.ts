/** What the service says of itself: its operations, what they take, and what they may answer. */

import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'

/** A JSON Schema, or a part of one. */
export interface Schema {
  readonly $ref?: string
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly format?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
}

/** Something that an operation takes beside its body. */
export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required?: boolean
  readonly schema: Schema
}

interface Described {
  readonly description: string
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>
}

/** One method of one path. */
export interface Operation {
  /** For instance `/aggregates/{aggregateType}/{aggregateId}`. */
  readonly path: string
  readonly method: 'GET' | 'POST'
  readonly tags: readonly string[]
  readonly parameters: readonly Parameter[]
  readonly body: Schema | undefined
  readonly responses: Readonly<Record<string, Described>>
}

interface Reference {
  readonly $ref: string
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, RawOperation>>>>
}

interface RawOperation {
  readonly tags?: readonly string[]
  readonly parameters?: readonly (Parameter | Reference)[]
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: Schema } } }
  readonly responses: Readonly<Record<string, Described>>
}

/** The document of a running service. */
export class OpenApiDocument {
  readonly operations: readonly Operation[]
  readonly #document: Document
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false })
  readonly #patterns: readonly (readonly [Operation, RegExp])[]

  /** @param document as it was served */
  constructor(document: unknown) {
    this.#document = document as Document
    this.#ajv.addSchema(document as object, 'document')
    this.operations = Object.entries(this.#document.paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, operation]) => this.#operation(path, method, operation)),
    )
    // What is fixed counts for more than what is named in braces.
    this.#patterns = this.operations
      .map((operation) => [operation, patternOf(operation.path)] as const)
      .sort(([one], [other]) => one.path.split('{').length - other.path.split('{').length)
  }

  /** @returns the operation that a request is for; undefined when the document has none */
  operationFor(method: string, pathname: string): Operation | undefined {
    const asked = method === 'HEAD' ? 'GET' : method
    return this.#patterns.find(([{ method: own }, pattern]) => own === asked && pattern.test(pathname))?.[0]
  }

  /** @returns what a reference leads to, or the schema itself */
  resolve(schema: Schema): Schema {
    return schema.$ref === undefined ? schema : (this.#follow(schema.$ref) as Schema)
  }

  /** @returns a check of answers with that status and type; undefined when the document says nothing of them */
  validatorFor({ path, method }: Operation, status: number, contentType: string): ValidateFunction | undefined {
    const steps = ['paths', path, method.toLowerCase(), 'responses', String(status), 'content', contentType, 'schema']
    const pointer = steps.map((step) => `/${encodeURIComponent(escapePointer(step))}`).join('')
    return this.#ajv.getSchema(`document#${pointer}`)
  }

  /** Checks problem documents wherever they come from. */
  get problemValidator(): ValidateFunction {
    const validate = this.#ajv.getSchema('document#/components/schemas/Problem')
    if (validate === undefined) throw new Error('The document must describe problems')
    return validate
  }

  #operation(path: string, method: string, raw: RawOperation): Operation {
    return {
      path,
      method: method === 'post' ? 'POST' : 'GET',
      tags: raw.tags ?? [],
      parameters: (raw.parameters ?? []).map((each) =>
        '$ref' in each ? (this.#follow(each.$ref) as Parameter) : each,
      ),
      body: raw.requestBody?.content['application/json'].schema,
      responses: raw.responses,
    }
  }

  #follow(ref: string): unknown {
    const steps = ref.replace('#/', '').split('/')
    return steps.reduce<unknown>(
      (value, step) => (value as Record<string, unknown>)[step.replaceAll('~1', '/').replaceAll('~0', '~')],
      this.#document,
    )
  }
}

function patternOf(path: string): RegExp {
  const parts = path.split(/\{\w+\}/).map((part) => RegExp.escape(part))
  return new RegExp(`^${parts.join('[^/]+')}$`)
}

function escapePointer(text: string): string {
  return text.replaceAll('~', '~0').replaceAll('/', '~1')
}
