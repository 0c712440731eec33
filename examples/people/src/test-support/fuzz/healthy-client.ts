/** A client that does nothing wrong, and is to be answered whatever others send. */

import assert from 'node:assert/strict'
import type { FuzzedService } from './fuzzed-service.ts'

/** Nobody healthy waits this long; a machine that is busy may make one wait a while. */
const patienceMs = 30_000

/** See above. */
export class HealthyClient {
  readonly #service: FuzzedService

  constructor(service: FuzzedService) {
    this.#service = service
  }

  /** @returns what a GET gives, which must be 200 with JSON */
  async get<TBody>(path: string): Promise<TBody> {
    return this.#expectOk(path, await this.#fetch(path))
  }

  /** @returns what a POST gives, which must be 200 with JSON */
  async post<TBody>(path: string, body: object, headers?: Readonly<Record<string, string>>): Promise<TBody> {
    const answer = await this.#fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
    return this.#expectOk(path, answer)
  }

  /** Sends one request after the other until it is told to stop. @returns how many were answered as they should be */
  async keepAsking(prefix: string, stop: AbortSignal): Promise<number> {
    let count = 0
    while (!stop.aborted) {
      count++
      await this.get('/healthz')
      const aggregateId = `${prefix}-${Math.ceil(count / 50)}`
      const newEmail = `healthy${count}@example.org`
      if (count % 50 === 1) await this.post('/commands/CreatePerson', { aggregateId, data: { legalName: 'Healthy' } })
      await this.post('/commands/ChangeEmail', { aggregateId, data: { newEmail } })
      const { state } = await this.get<{ readonly state: { readonly email: string } }>(
        `/aggregates/Person/${aggregateId}`,
      )
      assert.equal(state.email, newEmail)
    }
    return count
  }

  #fetch(path: string, init?: RequestInit): Promise<Response> {
    const { port, token } = this.#service
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
    return fetch(`http://127.0.0.1:${port}${path}`, {
      ...init,
      headers: { ...init?.headers, ...authorization },
      signal: AbortSignal.timeout(patienceMs),
    })
  }

  async #expectOk<TBody>(path: string, answer: Response): Promise<TBody> {
    const text = await answer.text()
    assert.equal(answer.status, 200, `a healthy client got ${answer.status} from ${path}: ${text.slice(0, 2000)}`)
    return JSON.parse(text) as TBody
  }
}
