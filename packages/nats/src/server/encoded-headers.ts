/** Headers of a message, written once. */

import type { MsgHdrs } from '@nats-io/nats-core'

const start = 'NATS/1.0\r\n'

/**
 * The client's own headers look at each name again and again, which takes a tenth of an append. Names here are in their
 * usual spelling, and values printable ASCII, so that nothing need be looked at.
 */
export class EncodedHeaders {
  #text: string = start

  /** @param value must not have control characters or blanks at its ends */
  set(name: string, value: string): void {
    this.#text += `${name}: ${value}\r\n`
  }

  /** @param lines whole ones, each as {@link set} would write it */
  add(lines: string): void {
    this.#text += lines
  }

  /** All that a publish of the client asks its headers for. */
  encode(): Uint8Array {
    return Buffer.from(`${this.#text}\r\n`, 'latin1')
  }

  /** @returns this, as the client's type has it */
  forClient(): MsgHdrs {
    return this as unknown as MsgHdrs
  }
}
