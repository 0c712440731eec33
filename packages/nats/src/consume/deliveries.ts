/** Takes messages from a durable consumer for one process at a time, and gives them on in the order of the stream. */

import type { Msg, NatsConnection, Subscription } from '@nats-io/nats-core'
import { ownInbox } from '../connection/own-inbox.ts'
import { BoundedMap } from '../messages/bounded-map.ts'
import { type Delivery, parsePlace, toDelivery } from './delivery.ts'

/** What the deliveries need to know of their consumer. */
export interface DeliveriesOptions {
  readonly streamName: string
  readonly name: string
  readonly maxInFlight: number
  readonly ackWaitMs: number
  readonly takeOverAfterMs: number
  readonly maxRemembered: number
  /** Called when this process has become the one that works, before anything is delivered. */
  readonly onOwned: () => Promise<void>
  readonly onDelivery: (delivery: Delivery) => void
  /** Called again and again while this process is the one that works. */
  readonly onBeat: () => Promise<void>
  readonly onProblem: (error: unknown) => void
}

/** The one group of the consumer: the server pins it to one client at a time. */
export const priorityGroup = 'order'

interface ConsumerState {
  readonly num_ack_pending?: number
  readonly priority_groups?: readonly { readonly group: string; readonly pinned_client_id?: string }[]
  readonly error?: { readonly description: string }
}

/**
 * A message that was handed out and not answered comes again later than those behind it: after a lost connection, or after
 * the end of the process that had it. So nothing is given on while any message may be under way: only once the server has
 * no more messages without an answer than we hold in our hands, in the order of the stream.
 */
export class Deliveries {
  readonly #connection: NatsConnection
  readonly #options: DeliveriesOptions
  readonly #subscription: Subscription
  readonly #inbox: string
  readonly #held = new Map<number, Delivery>()
  readonly #done: BoundedMap<number, true>
  #collected: Delivery[] = []
  #isCollecting = true
  /** Those done while messages are collected: an answer now would change the count that we compare with. */
  #unanswered: Delivery[] = []
  #pinId: string | undefined
  #session = new AbortController()
  /** Until when the server gives what we hold to nobody else, by `performance.now()`. */
  #ownedUntil = 0
  #nextDelivery: number | undefined
  #wanted = 0
  #gaps = 0
  /** Whether {@link DeliveriesOptions.onOwned} was done in this session. */
  #isPrepared = false
  #isDraining = false
  #isClosed = false
  #wake: () => void = () => undefined
  readonly #running: Promise<void>

  constructor(connection: NatsConnection, options: DeliveriesOptions) {
    this.#connection = connection
    this.#options = options
    this.#done = new BoundedMap(options.maxRemembered)
    this.#inbox = ownInbox(connection)
    this.#subscription = connection.subscribe(this.#inbox, {
      callback: (error, message) => (error === null ? this.#receive(message) : options.onProblem(error)),
    })
    this.#running = this.#run()
  }

  /** @returns whether this process is the one that works */
  get isOwner(): boolean {
    return this.#pinId !== undefined
  }

  /** @returns false when another process may have the message by now: it must not be handled */
  isOurs(delivery: Delivery): boolean {
    if (delivery.session.aborted) return false
    if (performance.now() < this.#ownedUntil) return true
    this.#lose('nothing was heard of the server for too long')
    return false
  }

  /** @returns whether the message of that position is in our hands */
  isHeld(position: number): boolean {
    return this.#held.has(position)
  }

  /** @returns whether it was handled here already, as far as that is remembered */
  isDone(position: number): boolean {
    return this.#done.get(position) === true
  }

  /** Tells the server that the message is done: it does not come again. */
  finish(delivery: Delivery): void {
    this.#done.set(delivery.position, true)
    if (delivery.session.aborted) {
      // If it came to us again, whoever meets it there finds that it is done.
      if (!this.#held.has(delivery.position)) this.#reply(delivery, '+ACK')
    } else if (this.#isCollecting) this.#unanswered.push(delivery)
    else this.#answer(delivery)
  }

  /** Gives on nothing more. What is held is kept, so that what is begun may still {@link finish}. */
  drain(): void {
    this.#isDraining = true
  }

  /** Ends, and lets another process have at once what is not done. */
  async close(): Promise<void> {
    this.#isDraining = true
    this.#isClosed = true
    this.#wake()
    await this.#running
    for (const delivery of this.#unanswered) this.#answer(delivery)
    for (const delivery of this.#held.values()) this.#reply(delivery, '-NAK')
    this.#subscription.unsubscribe()
    this.#lose(undefined)
  }

  #receive(message: Msg): void {
    const place = parsePlace(message.reply)
    if (place === undefined) {
      this.#receiveStatus(message)
      return
    }
    this.#wanted--
    const pinId = message.headers?.get('Nats-Pin-Id')
    if (pinId !== this.#pinId) {
      if (this.#pinId !== undefined) this.#lose('another pin was given')
      this.#pinId = pinId
    }
    if (place.deliverySequence !== this.#nextDelivery) this.#collect()
    this.#nextDelivery = place.deliverySequence + 1
    this.#take(toDelivery(message, place, this.#session.signal))
    if (this.#wanted <= this.#options.maxInFlight / 2) this.#pull()
  }

  #take(delivery: Delivery): void {
    const { position } = delivery
    const known = this.#held.get(position)
    if (known !== undefined) {
      known.replyTo = delivery.replyTo
      return
    }
    if (this.isDone(position)) {
      this.finish(delivery)
      if (this.#isCollecting) this.#held.set(position, delivery)
      return
    }
    this.#held.set(position, delivery)
    if (this.#isCollecting) this.#collected.push(delivery)
    else if (!this.#isDraining) this.#options.onDelivery(delivery)
  }

  #receiveStatus({ headers }: Msg): void {
    const code = headers?.code
    if (code === 423)
      this.#lose(this.#pinId === undefined ? undefined : 'another process has taken over, or the server was restarted')
    if (code === 409)
      this.#options.onProblem(new Error(`The durable consumer ${this.#options.name}: ${headers?.description}`))
    if (code !== undefined) this.#wanted -= Number(headers?.get('Nats-Pending-Messages') ?? 0)
  }

  /** Something may be missing: what comes is kept until it is known that nothing is. */
  #collect(): void {
    this.#isCollecting = true
    this.#gaps++
    this.#wake()
  }

  async #run(): Promise<void> {
    const { takeOverAfterMs, onProblem } = this.#options
    while (!this.#isClosed) {
      const quick = this.#isCollecting && this.#held.size > 0
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, quick ? 20 : takeOverAfterMs / 4)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
        if (this.#isClosed || this.#wanted <= 0) this.#wake()
      })
      if (this.#isClosed) return
      try {
        await this.#beat()
      } catch (error) {
        onProblem(error)
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
  }

  async #beat(): Promise<void> {
    this.#pull()
    if (this.#pinId === undefined) return
    const { session, gaps, startedAt } = { session: this.#session, gaps: this.#gaps, startedAt: performance.now() }
    this.#showLife(startedAt)
    const heldBefore = this.#held.size
    const state = await this.#askState()
    if (session !== this.#session) return
    const pinned = state.priority_groups?.find(({ group }) => group === priorityGroup)?.pinned_client_id
    if (pinned !== this.#pinId) {
      this.#lose('another process has taken over, or the server was restarted')
      return
    }
    // The server has heard of all that we hold a quarter of its wait ago at most. Another quarter is left for what is late.
    this.#ownedUntil = startedAt + this.#options.ackWaitMs / 2
    if (!this.#isPrepared) await this.#options.onOwned()
    if (session !== this.#session) return
    this.#isPrepared = true
    if (this.#isCollecting && gaps === this.#gaps && (state.num_ack_pending ?? 0) <= heldBefore) this.#giveOn()
    await this.#options.onBeat()
  }

  #giveOn(): void {
    if (this.#isDraining) return
    this.#isCollecting = false
    for (const delivery of this.#unanswered.splice(0)) this.#answer(delivery)
    const inOrder = this.#collected.sort((left, right) => left.position - right.position)
    this.#collected = []
    for (const delivery of inOrder) this.#options.onDelivery(delivery)
  }

  #pull(): void {
    const { streamName, name, maxInFlight, takeOverAfterMs } = this.#options
    this.#wanted = maxInFlight
    const expires = Math.round((takeOverAfterMs / 2) * 1e6)
    const id = this.#pinId === undefined ? undefined : { id: this.#pinId }
    const request = JSON.stringify({ batch: maxInFlight, expires, group: priorityGroup, ...id })
    this.#publish(`$JS.API.CONSUMER.MSG.NEXT.${streamName}.${name}`, request, this.#inbox)
  }

  #showLife(now: number): void {
    for (const delivery of this.#held.values()) {
      if (now - delivery.heardAt < this.#options.ackWaitMs / 4) continue
      delivery.heardAt = now
      this.#reply(delivery, '+WPI')
    }
  }

  async #askState(): Promise<ConsumerState> {
    const { streamName, name } = this.#options
    const reply = await this.#connection.request(`$JS.API.CONSUMER.INFO.${streamName}.${name}`, '', { timeout: 2000 })
    const state = reply.json<ConsumerState>()
    if (state.error === undefined) return state
    throw new Error(
      `The durable consumer ${name} of the stream ${streamName} cannot be asked: ${state.error.description}.`,
    )
  }

  #answer(delivery: Delivery): void {
    const held = this.#held.get(delivery.position)
    this.#held.delete(delivery.position)
    this.#reply(held ?? delivery, '+ACK')
  }

  #reply({ replyTo }: Delivery, answer: string): void {
    this.#publish(replyTo, answer)
  }

  #publish(subject: string, payload: string, reply?: string): void {
    if (this.#connection.isClosed()) return
    try {
      this.#connection.publish(subject, payload, reply === undefined ? undefined : { reply })
    } catch (error) {
      this.#options.onProblem(error)
    }
  }

  /** From now on another process may have what we hold. */
  #lose(why: string | undefined): void {
    const { onProblem, name } = this.#options
    if (why !== undefined)
      onProblem(new Error(`The durable consumer ${name} is not ours any more: ${why}. Asking for it again.`))
    this.#pinId = undefined
    this.#isPrepared = false
    this.#ownedUntil = 0
    this.#nextDelivery = undefined
    this.#held.clear()
    this.#collected = []
    for (const delivery of this.#unanswered.splice(0)) this.#reply(delivery, '+ACK')
    this.#isCollecting = true
    this.#wanted = 0
    const session = this.#session
    this.#session = new AbortController()
    session.abort()
    this.#wake()
  }
}
