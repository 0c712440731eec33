/** HR's endpoint, as tests need it: it writes down what comes, and answers what it is told to. */

import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { Signal } from '@cim/core'

/** One request. */
export interface HRRequest {
  readonly key: string
  readonly body: Readonly<Record<string, unknown>>
}

/** A status, no answer at all, or a connection that ends before the answer. */
export type HRAnswer = number | 'nothing' | 'lost'

export class HREndpoint {
  readonly url: string
  readonly requests: HRRequest[] = []
  /** What the next requests are answered, or what decides that. */
  answer: HRAnswer | (() => HRAnswer)
  readonly #came = new Signal()

  private constructor(url: string, answer: HREndpoint['answer']) {
    this.url = url
    this.answer = answer
  }

  /** Listens until the end of the test. */
  static async open(context: TestContext, answer: HREndpoint['answer'] = 204): Promise<HREndpoint> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    context.after(() => {
      server.close()
      server.closeAllConnections()
    })
    await once(server, 'listening')
    const endpoint = new HREndpoint(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hires`, answer)
    server.on('request', (request, response) => {
      let text = ''
      request.on('data', (chunk: Buffer) => (text += chunk.toString()))
      request.on('end', () => endpoint.#take(String(request.headers['idempotency-key']), text, response))
    })
    return endpoint
  }

  get keys(): readonly string[] {
    return this.requests.map(({ key }) => key)
  }

  /** Waits until so many requests have come. */
  async reach(count: number): Promise<void> {
    while (this.requests.length < count) await this.#came.wait(this.#came.count, { timeoutMs: 20_000 })
  }

  #take(key: string, text: string, response: ServerResponse): void {
    this.requests.push({ key, body: JSON.parse(text) as HRRequest['body'] })
    this.#came.notify()
    const answer = typeof this.answer === 'function' ? this.answer() : this.answer
    if (answer === 'nothing') return
    if (answer === 'lost') response.destroy()
    else response.writeHead(answer).end()
  }
}
