/** Durable consumption of events by services that are not built on our event store. */

import { ValidationError } from '@cim/core'
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from '@nats-io/nats-core'
import { connectToNats } from '../connection/connect-to-nats.ts'
import { type RawMessage, readMessage } from './consumed-message.ts'
import { type CheckedConsumerOptions, checkConsumerOptions, type NatsConsumerOptions } from './consumer-options.ts'
import { Deliveries, priorityGroup } from './deliveries.ts'
import type { Delivery } from './delivery.ts'
import { EventWorker, type Work } from './event-worker.ts'
import { ExhaustedMessages } from './exhausted-messages.ts'
import { Lanes } from './lanes.ts'
import { openConsumer } from './open-consumer.ts'
import { type ParkedEvent, ParkedEvents } from './parked-events.ts'

/** How much a consumer has not done. */
export interface ConsumerLag {
  /** Events that no process has been given yet. */
  readonly pending: number
  /** Events that were given to a process and are not done. */
  readonly inFlight: number
  /** Events that failed, and those that wait behind them. */
  readonly parked: number
  /** Messages that the server gave up and nobody has parked yet. */
  readonly exhausted: number
  /** All of them: 0 means that everything was handled. */
  readonly total: number
}

/** Which parked events are meant: all of one aggregate, or the one message that tells of none. */
export interface ParkedLane {
  /** As {@link ParkedEvent.lane} has it. */
  readonly lane: string
}

/**
 * Handles events at least once, those of one aggregate in their order and one after the other, those of different aggregates
 * side by side. Of all processes that open a consumer of the same name, one works and the others stand by.
 *
 * An event is done when its handler has returned. One that fails is tried again with growing waits, then parked with its
 * error; later events of its aggregate are parked behind it, and all other aggregates go on.
 * @see docs/nats.md
 */
export class NatsConsumer implements AsyncDisposable {
  readonly #options: CheckedConsumerOptions
  readonly #connection: NatsConnection
  readonly #manager: JetStreamManager
  readonly #parked: ParkedEvents
  readonly #exhausted: ExhaustedMessages
  readonly #lanes: Lanes
  readonly #worker: EventWorker
  readonly #deliveries: Deliveries
  readonly #stopping = new AbortController()
  readonly #givenUp = new Set<number>()
  #session = new AbortController()
  #stopped: Promise<void> | undefined

  /**
   * Connects, makes the durable consumer when it does not exist, and begins.
   * @throws {InvalidOptionError} when an option is not acceptable, or contradicts the consumer that is there
   * @throws {StoreUnavailableError} when the servers cannot be reached, or there is no such stream
   */
  static async open(options: NatsConsumerOptions): Promise<NatsConsumer> {
    const checked = checkConsumerOptions(options)
    const connection = await connectToNats(checked.connect)
    try {
      const manager = await jetstreamManager(connection)
      const streamReplicas = await openConsumer(manager, checked)
      const replicas = checked.replicas ?? streamReplicas
      const { streamName, name } = checked
      const parked = await ParkedEvents.open(connection, `${name}-parked`, replicas)
      const exhausted = await ExhaustedMessages.open(manager, { streamName, name, replicas })
      return new NatsConsumer(checked, connection, manager, parked, exhausted)
    } catch (error) {
      await connection.close()
      throw error
    }
  }

  private constructor(
    options: CheckedConsumerOptions,
    connection: NatsConnection,
    manager: JetStreamManager,
    parked: ParkedEvents,
    exhausted: ExhaustedMessages,
  ) {
    this.#options = options
    this.#connection = connection
    this.#manager = manager
    this.#parked = parked
    this.#exhausted = exhausted
    this.#lanes = new Lanes(options.concurrency)
    this.#worker = new EventWorker(options, this.#lanes, parked, this.#stopping.signal)
    this.#deliveries = new Deliveries(connection, {
      ...options,
      onOwned: () => this.#takeOver(),
      onDelivery: (delivery) => this.#handle(delivery),
      onBeat: () => this.#parkExhausted(),
    })
  }

  /** Whether this process is the one that works. */
  get isActive(): boolean {
    return this.#deliveries.isOwner
  }

  /** @returns how much is not done, the parked included */
  async lag(): Promise<ConsumerLag> {
    const { streamName, name } = this.#options
    const [info, parked, exhausted] = await Promise.all([
      this.#manager.consumers.info(streamName, name),
      this.#parked.count(),
      this.#exhausted.count(),
    ])
    const { num_pending: pending, num_ack_pending: inFlight } = info
    return {
      pending,
      inFlight,
      parked: parked,
      exhausted,
      total: pending + inFlight + parked + exhausted,
    }
  }

  /** @returns what is parked, in the order of the stream */
  async listParked(): Promise<readonly ParkedEvent[]> {
    return (await this.#parked.list()).map(({ event }) => event)
  }

  /** @returns what was given up, in the order of the stream */
  listDiscarded(): Promise<readonly ParkedEvent[]> {
    return this.#parked.listDiscarded()
  }

  /**
   * Asks the process that works to handle the parked events of a lane again, in order. Those behind one that fails again
   * go on waiting.
   * @throws {ValidationError} when nothing of that lane is parked
   */
  async retry({ lane }: ParkedLane): Promise<void> {
    await this.#ask(lane, { asked: 'retry' })
  }

  /**
   * Asks the process that works to give up the first parked event of a lane, and to handle those that wait behind it.
   * @throws {ValidationError} when nothing of that lane is parked, or no reason is given
   */
  async discard({ lane, reason }: ParkedLane & { readonly reason: string }): Promise<void> {
    if (typeof reason !== 'string' || reason.trim() === '' || reason.length > 1000) {
      throw new ValidationError('discard', [{ pointer: '/reason', message: 'must be a text of 1 to 1,000 characters' }])
    }
    await this.#ask(lane, { asked: 'discard', reason: reason.toWellFormed() })
  }

  /** Waits for the handlers that run, gives everything else back at once, and disconnects. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #stop(): Promise<void> {
    this.#deliveries.drain()
    this.#stopping.abort()
    await this.#lanes.idle()
    this.#session.abort()
    const wasActive = this.#deliveries.isOwner
    await this.#deliveries.close()
    if (wasActive) await this.#letOthersIn()
    // Answers that are under way go out first.
    await this.#connection.drain()
  }

  /** Those that stand by need not wait until this process has been silent for long enough. */
  async #letOthersIn(): Promise<void> {
    const { streamName, name, onProblem } = this.#options
    await this.#manager.consumers.unpin(streamName, name, priorityGroup).catch(onProblem)
  }

  /** What is parked must be known before anything is handled. */
  async #takeOver(): Promise<void> {
    this.#session.abort()
    const session = new AbortController()
    this.#session = session
    void this.#parked.watch((lane) => this.#revisit(lane), session.signal).catch(this.#options.onProblem)
    await this.#parked.load()
    for (const lane of this.#parked.asked()) this.#revisit(lane)
  }

  #handle(delivery: Delivery): void {
    const message = readMessage(delivery, this.#options.decode)
    this.#lanes.push(message.lane, async () => {
      const isOurs = (): boolean => this.#deliveries.isOurs(delivery)
      if (isOurs() && this.#deliveries.isDone(delivery.position)) {
        this.#deliveries.finish(delivery)
        return
      }
      const work = { message, deliveryCount: delivery.deliveryCount, signal: delivery.session, isOurs }
      if ((await this.#worker.handle(work)) === 'done') this.#deliveries.finish(delivery)
    })
  }

  #revisit(lane: string): void {
    const session = this.#session.signal
    this.#lanes.push(lane, async () => {
      try {
        await this.#worker.revisit(lane, ({ position }) => this.#workAt(position, session))
      } catch (error) {
        this.#options.onProblem(error)
        // The wish is still noted in the bucket: it is done with the next one, or after the next start.
      }
    })
  }

  /** @returns undefined when the stream has lost the message */
  async #workAt(position: number, signal: AbortSignal, deliveryCount = 1): Promise<Work | undefined> {
    const stored = await this.#manager.streams.getMessage(this.#options.streamName, { seq: position })
    if (stored === null) return undefined
    const headers: Record<string, string> = Object.create(null)
    for (const name of stored.header.keys()) headers[name] = stored.header.get(name)
    const raw: RawMessage = { position, subject: stored.subject, headers, body: stored.data }
    const isOurs = (): boolean => !signal.aborted && this.#deliveries.isOwner
    return { message: readMessage(raw, this.#options.decode), deliveryCount, signal, isOurs }
  }

  /** The server tells of messages that it gave up once: they must not be forgotten. */
  async #parkExhausted(): Promise<void> {
    let message = await this.#exhausted.next(0)
    for (; message !== undefined; message = await this.#exhausted.next(message.advisory)) {
      const { position, advisory, why } = message
      if (this.#givenUp.has(advisory) || this.#deliveries.isHeld(position)) continue
      const given = message
      if (this.#deliveries.isDone(position)) {
        await this.#exhausted.remove(given)
        continue
      }
      const work = await this.#workAt(position, this.#session.signal)
      if (work === undefined) continue
      this.#givenUp.add(advisory)
      this.#lanes.push(work.message.lane, async () => {
        if ((await this.#worker.giveUp(work, new Error(`It was not handled: ${why}.`))) === 'done') {
          await this.#exhausted.remove(given).catch(this.#options.onProblem)
        }
        this.#givenUp.delete(advisory)
      })
    }
  }

  async #ask(lane: string, wish: Pick<ParkedEvent, 'asked' | 'reason'>): Promise<void> {
    const first = (await this.#parked.list()).find(({ event }) => event.lane === lane)
    if (first === undefined) {
      const message = `must name a lane of which something is parked, got ${JSON.stringify(lane)}; listParked() shows them`
      throw new ValidationError('parked events', [{ pointer: '/lane', message }])
    }
    await this.#parked.replace({ ...first, event: { ...first.event, ...wish } })
  }
}
