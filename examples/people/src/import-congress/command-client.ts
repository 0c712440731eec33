/** Sends commands to a running service over HTTP, and outlasts its restarts. */

import { setTimeout as delay } from 'node:timers/promises'
import { CimError, type CommandAcknowledgment } from '@cim/core'
import type { RepeatableCommand } from './congress-commands.ts'
import { CommandRefusedError } from './send-chains.ts'

/** Where the service is, and how long to wait for it. */
export interface CommandClientOptions {
  /** For instance `http://127.0.0.1:7117`. */
  readonly url: string
  readonly token?: string | undefined
  /** How long to go on trying while the service does not answer, in milliseconds; 60,000 when left out. */
  readonly patienceMs?: number
  /** Is told when the service does not answer, and when it does again. */
  readonly onAvailabilityChange?: (isAvailable: boolean) => void
}

/** The service does not answer, or not as a People service does. */
export class ServiceUnavailableError extends CimError {
  override readonly name = 'ServiceUnavailableError'
  readonly code = 'service-unavailable'
}

const firstDelayMs = 50
const mostDelayMs = 250
const requestTimeoutMs = 30_000

/** Sends what may be sent again: every command carries its id as the idempotency key. */
export class CommandClient {
  readonly #url: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #patienceMs: number
  readonly #onAvailabilityChange: (isAvailable: boolean) => void
  #lastAnswer = performance.now()
  #isAvailable = true

  constructor({ url, token, patienceMs, onAvailabilityChange }: CommandClientOptions) {
    this.#url = url.replace(/\/+$/, '')
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    this.#patienceMs = patienceMs ?? 60_000
    this.#onAvailabilityChange = onAvailabilityChange ?? (() => undefined)
  }

  /**
   * Asks once, without patience: before anything is sent, a service that is not there is a mistake.
   * @returns the position of the event store's newest event
   * @throws {ServiceUnavailableError} when it does not answer, or refuses
   */
  async headPosition(): Promise<number> {
    // A page of a type that does not exist is empty, and ends where the event store does.
    const path = '/events?aggregateType=None&limit=1'
    let response: Response
    try {
      response = await this.#fetch(path, {}, AbortSignal.timeout(requestTimeoutMs))
    } catch (cause) {
      throw new ServiceUnavailableError(
        `Nothing answers at ${this.#url} (${reasonOf(cause)}). Start the service with npm start, or name another with --url.`,
        { cause },
      )
    }
    const body = (await response.json().catch(() => undefined)) as { readonly position?: unknown } | undefined
    if (response.status === 401) throw this.#unauthenticated()
    if (response.ok && typeof body?.position === 'number') return body.position
    throw new ServiceUnavailableError(
      `What answers at ${this.#url} is not a People service: ${path} gave status ${response.status}.`,
    )
  }

  /**
   * Sends a command, again and again while the service does not answer or says that it cannot now.
   * @returns its acknowledgment, accepted or rejected
   * @throws {CommandRefusedError} when the service will not take it
   * @throws {ServiceUnavailableError} when patience has run out
   */
  async send(command: RepeatableCommand, signal: AbortSignal): Promise<CommandAcknowledgment> {
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#attempt(command, signal)
      if ('status' in outcome) return outcome
      signal.throwIfAborted()
      this.#noteAvailability(false)
      if (performance.now() - this.#lastAnswer > this.#patienceMs) {
        throw new ServiceUnavailableError(
          `${this.#url} has not answered for ${this.#patienceMs / 1000} s (${outcome.problem}). Start the service, then import again: what was accepted is not done twice.`,
        )
      }
      await delay(Math.min(mostDelayMs, firstDelayMs * 2 ** (attempt - 1)), undefined, { signal })
    }
  }

  async #attempt(
    { commandType, commandId, aggregateId, data }: RepeatableCommand,
    signal: AbortSignal,
  ): Promise<CommandAcknowledgment | { readonly problem: string }> {
    let response: Response
    let text: string
    try {
      const request = {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': commandId },
        body: JSON.stringify({ aggregateId, data }),
      }
      response = await this.#fetch(
        `/commands/${commandType}`,
        request,
        AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]),
      )
      text = await response.text()
    } catch (error) {
      return { problem: reasonOf(error) }
    }
    if (response.status === 503 || response.status === 429) return { problem: `status ${response.status}` }
    this.#noteAvailability(true)
    if (response.status === 401) throw this.#unauthenticated()
    if (response.status === 200 || response.status === 422) return JSON.parse(text) as CommandAcknowledgment
    throw refused(response.status, text)
  }

  #fetch(path: string, request: RequestInit, signal: AbortSignal): Promise<Response> {
    const headers = { ...this.#headers, ...(request.headers as Record<string, string> | undefined) }
    return fetch(this.#url + path, { ...request, headers, signal })
  }

  #noteAvailability(isAvailable: boolean): void {
    if (isAvailable) this.#lastAnswer = performance.now()
    if (isAvailable === this.#isAvailable) return
    this.#isAvailable = isAvailable
    this.#onAvailabilityChange(isAvailable)
  }

  #unauthenticated(): ServiceUnavailableError {
    return new ServiceUnavailableError(`${this.#url} asks for a token. Give it with --token, or in CIM_TOKEN.`)
  }
}

/** @see RFC 9457, problem details */
function refused(status: number, text: string): CommandRefusedError {
  let problem: { readonly code?: unknown; readonly title?: unknown; readonly detail?: unknown } = {}
  try {
    problem = JSON.parse(text) as typeof problem
  } catch {
    // Not a problem document: the status has to do.
  }
  const { code, title, detail } = problem
  return new CommandRefusedError(String(code ?? `status-${status}`), String(detail ?? title ?? `Status ${status}.`))
}

/** `fetch` hides what happened in the cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (cause instanceof Error && 'code' in cause) return String(cause.code)
  return cause instanceof Error ? cause.message : String(cause)
}
