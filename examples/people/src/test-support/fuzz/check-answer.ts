/** What must hold of every answer, whatever was asked. */

import assert from 'node:assert/strict'
import type { RawAnswer } from './answer-parser.ts'
import type { OpenApiDocument, Operation } from './openapi-document.ts'
import { wrongToken } from './operation-requests.ts'

/** What the gate and the server may say before any operation is looked for. */
const beforeAnyOperation: ReadonlySet<string> = new Set([
  ...['bad-request', 'host-not-allowed', 'headers-too-large', 'expectation-failed', 'request-timeout'],
])

/** What may be said where there is no operation. */
const withoutOperation: ReadonlySet<string> = new Set([
  ...[...beforeAnyOperation, 'unauthenticated', 'cross-origin', 'unknown-path', 'method-not-allowed'],
  ...['unknown-command', 'unknown-query', 'not-found'],
])

/** Traces of the program itself. */
const stackFrame = /\n\s+at |\bat (async )?[\w.<>#]+ \(|\.(ts|mjs|js):\d+|node:internal|file:\/\/|node_modules/

interface Problem {
  readonly status: number
  readonly code: string
}

/** Knows what a service may answer. */
export class AnswerCheck {
  readonly #document: OpenApiDocument
  readonly #secrets: readonly string[]

  /**
   * @param document of the service
   * @param secrets that no answer may hold: its token, its folders
   */
  constructor(document: OpenApiDocument, secrets: readonly string[]) {
    this.#document = document
    this.#secrets = [...secrets, wrongToken]
  }

  /**
   * @param answer that came
   * @param method of the request
   * @param operation that it was for; undefined when there is none, 'unknown' when nobody can tell
   * @throws {AssertionError} with what is wrong
   */
  check(answer: RawAnswer, method: string, operation: Operation | 'unknown' | undefined): void {
    const { status, body } = answer
    const type = answer.headers.get('content-type')?.[0] ?? ''
    this.#checkSecrets(answer)
    if (type === 'application/problem+json') this.#checkProblem(answer, method, operation)
    else
      assert.ok(
        status < 400 || status === 422 || this.#isDescribed(operation, status, type),
        `${status} without a problem document`,
      )
    if (status === 503) assert.match(answer.headers.get('retry-after')?.[0] ?? '', /^\d+$/, '503 without Retry-After')
    if (status === 405) assert.ok(answer.headers.has('allow'), '405 without Allow')
    if (status === 401) assert.ok(answer.headers.has('www-authenticate'), '401 without WWW-Authenticate')
    if (operation === undefined || operation === 'unknown' || type === 'application/problem+json') return
    const described = operation.responses[String(status)]
    assert.ok(described !== undefined, `${status} is not described for ${method} ${operation.path}`)
    const types = Object.keys(described.content ?? {})
    assert.ok(types.includes(type.replace(/;.*/, '')), `${type} is not described for ${status} of ${operation.path}`)
    if (type !== 'application/json' || method === 'HEAD') return
    const validate = this.#document.validatorFor(operation, status, type)
    assert.ok(validate !== undefined, `no schema for ${status} of ${operation.path}`)
    assert.ok(validate(parse(body)), `the answer does not fit its schema: ${JSON.stringify(validate.errors)}`)
  }

  #isDescribed(operation: Operation | 'unknown' | undefined, status: number, type: string): boolean {
    return operation === 'unknown' || operation?.responses[String(status)]?.content?.[type] !== undefined
  }

  #checkProblem(
    { status, body, headers }: RawAnswer,
    method: string,
    operation: Operation | 'unknown' | undefined,
  ): void {
    assert.ok(status < 500 || status === 503, `${status} is a fault of the service`)
    assert.equal(headers.get('cache-control')?.[0], 'no-store', 'a problem may be cached')
    if (method === 'HEAD') return
    const problem = parse(body) as Problem
    const validate = this.#document.problemValidator
    assert.ok(validate(problem), `no problem document: ${JSON.stringify(validate.errors)}`)
    assert.equal(problem.status, status, 'a problem with another status')
    assert.doesNotMatch(JSON.stringify(problem), stackFrame, 'a problem shows the program')
    if (operation === undefined) assert.ok(withoutOperation.has(problem.code), `${problem.code} without an operation`)
    else if (operation !== 'unknown') this.#checkCode(problem, operation)
  }

  #checkCode({ status, code }: Problem, { path, method, responses }: Operation): void {
    if (beforeAnyOperation.has(code)) return
    const codes = responses[String(status)]?.description.split(', ') ?? []
    assert.ok(codes.includes(code), `${status} ${code} is not described for ${method} ${path}`)
  }

  #checkSecrets({ headers, body }: RawAnswer): void {
    for (const secret of this.#secrets) {
      assert.ok(!body.includes(secret), `the answer holds ${secret}`)
      for (const values of headers.values()) assert.ok(!values.join().includes(secret), `a header holds ${secret}`)
    }
    assert.ok(!headers.has('x-injected'), 'a header was injected')
    for (const [name, values] of headers) {
      if (name !== 'allow' && name !== 'link') assert.equal(values.length, 1, `${name} came twice`)
    }
  }
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch (cause) {
    throw new assert.AssertionError({ message: `the body is not JSON: ${String(cause)}` })
  }
}
