// Follows a live stream of a service over all its restarts.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Tally } from './tally.ts'

const PAUSE_MS = 100

/** One who watches. */
export class Watcher {
  /** How many messages have come. */
  count = 0
  lastId = 0
  readonly #url: string
  readonly #isEvents: boolean
  readonly #tally: Tally

  /** @param path of a stream of events, all of them, or of a query */
  constructor(url: string, path: string, tally: Tally) {
    this.#url = url + path
    this.#isEvents = path.startsWith('/events')
    this.#tally = tally
  }

  /** Connects again whenever the stream ends. Events must come once each, in order. */
  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      try {
        await this.#follow(stop)
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error
      }
      if (!stop.aborted) await sleep(PAUSE_MS)
    }
  }

  async #follow(stop: AbortSignal): Promise<void> {
    const headers = { accept: 'text/event-stream', 'last-event-id': String(this.lastId) }
    const { status, body } = await fetch(this.#url, { headers, signal: stop })
    assert.ok(status === 200 || status === 503, `${this.#url} has status ${status} after ${this.lastId}`)
    if (status !== 200 || body === null) return
    let text = ''
    for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
      const messages = (text + chunk).split('\n\n')
      text = messages.pop() ?? ''
      for (const message of messages) this.#hear(message)
    }
  }

  #hear(message: string): void {
    const id = Number(/^id: (\d+)$/m.exec(message)?.[1] ?? this.lastId)
    if (!/^data: /m.test(message)) return
    if (this.#isEvents) assert.equal(id, this.lastId + 1, `after ${this.lastId}, ${this.#url} brings ${id}`)
    this.lastId = id
    this.count++
    this.#tally.notifications++
  }
}
