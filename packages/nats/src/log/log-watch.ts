/** Learns that something was stored, by this process or another. */

import { Signal } from '@cim/core'
import { type ConsumerMessages, DeliverPolicy, jetstream } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/nats-core'

/**
 * Wakes whoever follows the log. It carries no events: who is woken reads them, so that nothing is lost when a wake-up is,
 * and a slow reader holds nobody up. One consumer for all subscriptions of a process, and none while there is none.
 */
export class LogWatch {
  readonly appended: Signal = new Signal()
  readonly #connection: NatsConnection
  readonly #stream: string
  #newest = 0
  #disturbances = 0
  #isOpen = false
  #isClosed = false
  #messages: ConsumerMessages | undefined

  constructor(connection: NatsConnection, stream: string) {
    this.#connection = connection
    this.#stream = stream
  }

  /** The newest place of the stream that this process knows to be stored. */
  get newest(): number {
    return this.#newest
  }

  /** How often the connection was lost: then the servers may have lost something, too. */
  get disturbances(): number {
    return this.#disturbances
  }

  /** Forgets what it has seen. */
  disturb(): void {
    this.#newest = 0
    this.#disturbances++
    this.appended.notify()
  }

  saw(sequence: number): void {
    if (sequence <= this.#newest) return
    this.#newest = sequence
    this.appended.notify()
  }

  /**
   * Begins to listen to other processes, once.
   * @param after the place up to which the caller has read: nothing before it is told of
   */
  open(after: number): void {
    if (this.#isOpen || this.#isClosed) return
    this.#isOpen = true
    void this.#listen(Math.max(after, this.#newest) + 1)
  }

  close(): void {
    this.#isClosed = true
    this.#messages?.stop()
    this.appended.notify()
  }

  async #listen(start: number): Promise<void> {
    try {
      const consumers = jetstream(this.#connection).consumers
      const consumer = await consumers.get(this.#stream, {
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: start,
        headers_only: true,
      })
      if (this.#isClosed) return
      this.#messages = await consumer.consume({ callback: ({ seq }) => this.saw(seq), max_messages: 500 })
      if (this.#isClosed) this.#messages.stop()
      await this.#messages.closed()
    } catch {
      // Whoever waits looks by itself from time to time, too.
    }
    this.#isOpen = false
  }
}
