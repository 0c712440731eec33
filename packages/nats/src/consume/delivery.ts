/** A message that a durable consumer has handed out. */

import type { Msg } from '@nats-io/nats-core'

/** One message in the hands of this process. */
export interface Delivery {
  readonly position: number
  readonly subject: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  readonly deliveryCount: number
  /** Aborts when the message is no longer in our hands: another process may get it. */
  readonly session: AbortSignal
  /** Where the newest delivery of this message is answered. */
  replyTo: string
  /** When the server last heard of it, by `performance.now()`. */
  heardAt: number
}

/** Where a message stands, as its reply subject says. */
export interface DeliveryPlace {
  readonly position: number
  readonly deliveryCount: number
  /** Counts everything that the consumer hands out, without gaps. */
  readonly deliverySequence: number
}

/**
 * @param replyTo `$JS.ACK.<stream>.<consumer>.<count>.<position>.<delivery>.<time>.<pending>`, or the longer form with domain and account
 * @returns undefined when it is not the reply subject of a delivery
 * @see https://docs.nats.io/reference/reference-protocols/nats_api_reference#jsack
 */
export function parsePlace(replyTo: string | undefined): DeliveryPlace | undefined {
  const tokens = replyTo?.split('.') ?? []
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK') return undefined
  const first = tokens.length >= 11 ? 6 : 4
  const [deliveryCount, position, deliverySequence] = tokens.slice(first, first + 3).map(Number)
  if (deliveryCount === undefined || position === undefined || deliverySequence === undefined) return undefined
  return { deliveryCount, position, deliverySequence }
}

/** @returns the delivery; its bytes are its own */
export function toDelivery(message: Msg, place: DeliveryPlace, session: AbortSignal): Delivery {
  return {
    position: place.position,
    deliveryCount: place.deliveryCount,
    subject: message.subject,
    headers: plainHeaders(message),
    body: message.data,
    session,
    replyTo: message.reply ?? '',
    heardAt: performance.now(),
  }
}

function plainHeaders({ headers }: Msg): Readonly<Record<string, string>> {
  const plain: Record<string, string> = Object.create(null)
  for (const name of headers?.keys() ?? []) plain[name] = headers?.get(name) ?? ''
  return plain
}
