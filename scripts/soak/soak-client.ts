// Asks a service that is killed and started again, and goes on asking until it answers.
import { setTimeout as sleep } from 'node:timers/promises'

export type Answer = {
  readonly status: number
  readonly headers: Headers
  readonly body: Readonly<Record<string, unknown>>
}

/** Without any answer for so long, something hangs. */
const PATIENCE_MS = 60_000
const PAUSE_MS = 50

export class SoakClient {
  readonly url: string
  readonly #stopping: AbortSignal
  /** Requests that were cut off, or came while nobody listened. */
  repeats = 0
  /** Answers with status 503, by their code. */
  readonly unavailable = new Map<string, number>()

  /** @param stopping ends everything that is under way */
  constructor(url: string, stopping: AbortSignal) {
    this.url = url
    this.#stopping = stopping
  }

  /**
   * Asks until there is an answer other than 503. Whatever is asked must be something that may be repeated.
   * @throws {Error} when a minute has passed without one
   */
  async ask(path: string, request: RequestInit = {}): Promise<Answer> {
    let problem: unknown
    for (const begun = performance.now(); performance.now() - begun < PATIENCE_MS; await sleep(PAUSE_MS)) {
      this.#stopping.throwIfAborted()
      try {
        const signal = AbortSignal.any([this.#stopping, AbortSignal.timeout(PATIENCE_MS)])
        const response = await fetch(this.url + path, { ...request, signal })
        const body = (await response.json()) as Answer['body']
        if (response.status !== 503) return { status: response.status, headers: response.headers, body }
        const code = String(body.code)
        this.unavailable.set(code, (this.unavailable.get(code) ?? 0) + 1)
        problem = body
      } catch (error) {
        this.repeats++
        problem = error
      }
    }
    throw new Error(`${path} was not answered for ${PATIENCE_MS / 1000} s: ${JSON.stringify(problem)}`, {
      cause: problem,
    })
  }

  post(path: string, body: object = {}, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const all = { 'content-type': 'application/json', ...headers }
    return this.ask(path, { method: 'POST', headers: all, body: JSON.stringify(body) })
  }
}
