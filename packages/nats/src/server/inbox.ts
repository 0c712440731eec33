/** Requests over one connection whose replies all come to one subscription. */

import type { Msg, NatsConnection, PublishOptions, Subscription } from '@nats-io/nats-core'
import { ownInbox } from '../connection/own-inbox.ts'
import type { EncodedHeaders } from './encoded-headers.ts'

/** Why a request had no answer. Whether the server has seen it is not known, except that it was never sent. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
  readonly isSent: boolean

  constructor(message: string, isSent: boolean, options?: ErrorOptions) {
    super(message, options)
    this.isSent = isSent
  }
}

type Receive = (message: Msg) => boolean
type Fail = (error: NoAnswer) => void

const hearsNoMore = (): true => true

/**
 * What waits for replies. A class, and it lets go of everybody when it is done: objects that live as long as a round trip are
 * soon made among those that are rarely collected when they are literals, and maps leave old tables behind. Each would keep
 * thousands of appends in memory that are long over.
 */
class Waiting {
  /** @returns true when no more is to come */
  receive: Receive
  fail: Fail
  deadline: number

  constructor(receive: Receive, fail: Fail, deadline: number) {
    this.receive = receive
    this.fail = fail
    this.deadline = deadline
  }

  end(): void {
    this.receive = hearsNoMore
    this.fail = hearsNoMore
  }
}

/** A request to send. */
export interface InboxRequest {
  readonly subject: string
  readonly payload?: Uint8Array | string
  readonly headers?: EncodedHeaders
}

const sweepMs = 50
const longestPauseMs = 500

/**
 * One subscription and one timer for any number of requests under way: a promise, a timer and a subscription for each
 * would cost more than everything else about it.
 */
export class Inbox {
  readonly connection: NatsConnection
  readonly #subscription: Subscription
  readonly #prefix: string
  readonly #waiting = new Map<string, Waiting>()
  readonly #timeoutMs: number
  readonly #reconnected: () => void
  readonly #onReconnect = new Set<() => void>()
  #outgoing: (readonly [request: InboxRequest, token: string | undefined])[] = []
  #sweeping: NodeJS.Timeout | undefined
  #swept = 0
  #next = 0
  #isConnected = true
  #isClosed = false

  /**
   * @param timeoutMs how long a request may be without a reply
   * @param reconnected is called when the connection was lost and is there again, before anything is sent
   */
  constructor(connection: NatsConnection, timeoutMs: number, reconnected: () => void = () => undefined) {
    this.#reconnected = reconnected
    this.connection = connection
    this.#timeoutMs = timeoutMs
    this.#prefix = `${ownInbox(connection)}.`
    this.#subscription = connection.subscribe(`${this.#prefix}*`, {
      callback: (error, message) => {
        if (error === null) this.#receive(message)
      },
    })
    void this.#watchConnection()
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /**
   * Sends a request and hands over each reply. What is sent before the event loop goes on leaves with one write, in order.
   * @param receive is told of each reply and says whether it was the last
   * @param fail is told when none comes in time, or the connection is lost; nothing follows after it
   */
  send(request: InboxRequest, receive: Receive, fail: Fail): void {
    if (!this.#isConnected) {
      fail(new NoAnswer('there is no connection to the server', false))
      return
    }
    const token = (this.#next++).toString(36)
    this.#waiting.set(token, new Waiting(receive, fail, performance.now() + this.#timeoutMs))
    if (this.#sweeping === undefined) {
      this.#swept = performance.now()
      this.#sweeping = setInterval(() => this.#sweep(), sweepMs)
    }
    this.#enqueue(request, token)
  }

  #enqueue(request: InboxRequest, token: string | undefined): void {
    this.#outgoing.push([request, token])
    // After all promises that are settled by now, so after everybody whose reply came together with this one's.
    if (this.#outgoing.length === 1) process.nextTick(this.#flush)
  }

  readonly #flush = (): void => {
    const outgoing = this.#outgoing
    this.#outgoing = []
    for (const [request, token] of outgoing) {
      // Those that wait were told already when the connection was lost.
      if (token !== undefined && !this.#waiting.has(token)) continue
      try {
        this.#publish(request, token)
      } catch (cause) {
        this.#failUnsent(token, cause)
      }
    }
  }

  #publish({ subject, payload, headers }: InboxRequest, token: string | undefined): void {
    const options: PublishOptions = {}
    if (token !== undefined) options.reply = this.#prefix + token
    if (headers !== undefined) options.headers = headers.forClient()
    // The client's own encoder takes twice as long.
    this.connection.publish(subject, typeof payload === 'string' ? Buffer.from(payload) : payload, options)
  }

  #failUnsent(token: string | undefined, cause: unknown): void {
    const waiting = token === undefined ? undefined : this.#waiting.get(token)
    if (token !== undefined) this.#waiting.delete(token)
    waiting?.fail(new NoAnswer(`the request could not be sent (${String(cause)})`, false, { cause }))
  }

  /** @returns the one reply @throws {NoAnswer} when none comes */
  request(request: InboxRequest): Promise<Msg> {
    return new Promise((resolve, reject) => {
      const receive = (message: Msg): boolean => {
        resolve(message)
        return true
      }
      this.send(request, receive, reject)
    })
  }

  /** Sends a message to which no reply is wanted. @returns false when it could not be sent */
  tell(request: InboxRequest): boolean {
    if (this.#isConnected) this.#enqueue(request, undefined)
    return this.#isConnected
  }

  /** @returns when there is a connection, the time is over, or the signal aborts */
  async whenConnected(waitMs: number, signal?: AbortSignal): Promise<void> {
    if (this.#isConnected || this.#isClosed || signal?.aborted === true) return
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#onReconnect.delete(done)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, waitMs)
      this.#onReconnect.add(done)
      signal?.addEventListener('abort', done, { once: true })
    })
  }

  /** Nothing is sent or received after it. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#lose('the store was closed')
    this.#subscription.unsubscribe()
  }

  #receive(message: Msg): void {
    const token = message.subject.slice(this.#prefix.length)
    const waiting = this.#waiting.get(token)
    if (waiting === undefined) return
    if (!waiting.receive(message)) {
      waiting.deadline = performance.now() + this.#timeoutMs
      return
    }
    this.#waiting.delete(token)
    waiting.end()
  }

  #sweep(): void {
    const now = performance.now()
    const isLate = now - this.#swept > longestPauseMs
    this.#swept = now
    // After a pause of this process, replies are read before anything is given up.
    if (isLate) return
    for (const [token, waiting] of this.#waiting) {
      if (waiting.deadline > now) continue
      this.#waiting.delete(token)
      waiting.fail(new NoAnswer(`no reply came within ${this.#timeoutMs} ms`, true))
    }
    if (this.#waiting.size > 0) return
    clearInterval(this.#sweeping)
    this.#sweeping = undefined
  }

  async #watchConnection(): Promise<void> {
    for await (const { type } of this.connection.status()) {
      if (type === 'disconnect') this.#lose('the connection was lost')
      else if (type === 'reconnect') {
        this.#reconnected()
        this.#isConnected = !this.#isClosed
        this.#wake()
      }
    }
    this.#lose('the connection was closed')
  }

  /** What is under way gets no reply any more. */
  #lose(why: string): void {
    this.#isConnected = false
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { fail } of waiting) fail(new NoAnswer(why, true))
    if (this.#isClosed) this.#wake()
  }

  #wake(): void {
    for (const wake of [...this.#onReconnect]) wake()
  }
}
