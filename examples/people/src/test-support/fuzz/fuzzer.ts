/** Sends a service requests of all kinds, and checks every answer. */

import { AcceptedCommands } from './accepted-commands.ts'
import type { RawAnswer } from './answer-parser.ts'
import { brokenBytes } from './broken-bytes.ts'
import type { AnswerCheck } from './check-answer.ts'
import { chance, type Draw, drawn, either, whole } from './draw.ts'
import { type FuzzRequest, isHead, toBytes } from './fuzz-request.ts'
import type { FuzzedService } from './fuzzed-service.ts'
import { type KnownNames, Names } from './known-names.ts'
import type { OpenApiDocument, Operation } from './openapi-document.ts'
import { operationRequest } from './operation-requests.ts'
import { RawConnection } from './raw-connection.ts'

/** What a {@link Fuzzer} goes by. */
export interface FuzzerOptions {
  readonly service: FuzzedService
  readonly document: OpenApiDocument
  readonly check: AnswerCheck
  readonly names: KnownNames
  readonly seed: number
}

/** What is done with one number. */
type Step =
  | { readonly kind: 'ask'; readonly requests: readonly FuzzRequest[] }
  | { readonly kind: 'break'; readonly bytes: Buffer; readonly ends: boolean }

/** How long an answer may take on a machine with much else to do, in milliseconds. */
const patienceMs = 60_000
/** How long something is listened for that need not come. */
const briefMs = 150
const atOnce = 12

/** See above. */
export class Fuzzer {
  readonly accepted: AcceptedCommands = new AcceptedCommands()
  /** How often each status came, and each connection that was closed without an answer. */
  readonly outcomes = new Map<string, number>()
  readonly #options: FuzzerOptions
  readonly #host: string

  constructor(options: FuzzerOptions) {
    this.#options = options
    this.#host = `127.0.0.1:${options.service.port}`
  }

  /** Sends the requests with these numbers, several at once. @throws at the first answer that must not be */
  async run(numbers: Iterable<number>): Promise<void> {
    const queue = numbers[Symbol.iterator]()
    await Promise.all(Array.from({ length: atOnce }, () => this.#work(queue)))
  }

  async #work(queue: Iterator<number>): Promise<void> {
    let connection: RawConnection | undefined
    try {
      for (let next = queue.next(); next.done !== true; next = queue.next()) {
        const step = this.#step(next.value)
        try {
          if (step.kind === 'break') await this.#break(step)
          else connection = await this.#ask(step.requests, connection)
        } catch (cause) {
          const logged = this.#options.service.faults.join('\n')
          throw new Error(`${this.#describe(next.value, step)}\n${messageOf(cause)}\n${logged}`)
        }
      }
    } finally {
      connection?.[Symbol.dispose]()
    }
  }

  /** @returns what a number stands for: always the same with the same seed */
  #step(number: number): Step {
    const { seed, names, document, service } = this.#options
    return drawn(seed, number, (draw): Step => {
      const making = { draw, document, names: new Names(names, number) }
      const request = (): FuzzRequest => operationRequest(making, service.token)
      return either<Step>(draw, [
        [85, () => ({ kind: 'ask', requests: [request()] })],
        [4, () => ({ kind: 'ask', requests: Array.from({ length: whole(draw, 2, 8) }, request) })],
        [11, () => ({ kind: 'break', bytes: this.#broken(draw, request(), number), ends: chance(draw, 50) })],
      ])
    })
  }

  #broken(draw: Draw, request: FuzzRequest, index: number): Buffer {
    const { token } = this.#options.service
    const authorization = token === undefined ? '' : `Authorization: Bearer ${token}\r\n`
    // Of an answer to HEAD nobody could tell where it ends.
    const seen = isHead(request) ? { ...request, method: 'GET' } : request
    return brokenBytes(draw, { whole: toBytes(seen, this.#host), authorization, index })
  }

  /** @returns the connection, if it can be used again */
  async #ask(requests: readonly FuzzRequest[], open: RawConnection | undefined): Promise<RawConnection | undefined> {
    const connection = open ?? (await RawConnection.open(this.#options.service.port))
    connection.send(Buffer.concat(requests.map((request) => toBytes(request, this.#host))))
    for (const request of requests) {
      const answer = await connection.read(isHead(request), patienceMs)
      if (answer === undefined) throw new Error(connection.isClosed ? 'closed without an answer' : 'no answer')
      this.#checkAnswer(answer, request)
      if (answer.isWhole && answer.headers.get('connection')?.[0] !== 'close') continue
      connection[Symbol.dispose]()
      return undefined
    }
    return connection
  }

  async #break({ bytes, ends }: Step & { readonly kind: 'break' }): Promise<void> {
    using connection = await RawConnection.open(this.#options.service.port)
    connection.send(bytes)
    if (ends) connection.end()
    let answers = 0
    for (;;) {
      const answer = await connection.read(false, ends ? patienceMs : briefMs)
      if (answer === undefined) break
      answers++
      this.#count(`broken ${answer.status}`)
      this.#note(() => this.#options.check.check(answer, 'GET', 'unknown'), 'these bytes', answer)
      this.accepted.note(undefined, answer)
      if (!answer.isWhole) return
    }
    if (answers === 0) this.#count(connection.isClosed ? 'broken, closed' : 'broken, waiting')
    if (ends && !connection.isClosed) throw new Error('the connection stays open though its client has ended it')
  }

  #checkAnswer(answer: RawAnswer, request: FuzzRequest): void {
    const operation = this.#operationOf(request)
    this.#count(String(answer.status))
    const asked = `${request.method} ${request.target}`
    this.#note(() => this.#options.check.check(answer, request.method, operation), asked, answer)
    this.accepted.note(operation?.path, answer)
  }

  #note(check: () => void, asked: string, { status, headers, body }: RawAnswer): void {
    try {
      check()
    } catch (cause) {
      const shown = JSON.stringify({ status, headers: Object.fromEntries(headers), body: body.slice(0, 3000) })
      throw new Error(`${messageOf(cause)}\nin the answer to ${asked}: ${shown}`)
    }
  }

  #operationOf({ method, target }: FuzzRequest): Operation | undefined {
    const url = URL.parse(target, `http://${this.#host}`)
    return url === null ? undefined : this.#options.document.operationFor(method, url.pathname)
  }

  #count(outcome: string): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
  }

  #describe(number: number, step: Step): string {
    const bytes =
      step.kind === 'break' ? step.bytes : Buffer.concat(step.requests.map((each) => toBytes(each, this.#host)))
    const shown = JSON.stringify(bytes.toString('latin1', 0, 3000))
    const cut = bytes.length > 3000 ? ` and ${bytes.length - 3000} bytes more` : ''
    return `CIM_SEED=${this.#options.seed} CIM_REQUEST=${number} sends this again: ${shown}${cut}`
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
