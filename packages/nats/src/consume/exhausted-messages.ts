/** Messages that the server hands out no more although they were never done: it says so once, in an advisory. */

import { JetStreamApiError, type JetStreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream'

/** A message of the events' stream that will not come again by itself. */
export interface ExhaustedMessage {
  readonly position: number
  /** What happened, for the record. */
  readonly why: string
  /** Where the advisory stands. */
  readonly advisory: number
}

const streamNotFound = 10_059

interface Advisory {
  readonly stream_seq: number
  readonly deliveries: number
  readonly reason?: string
  readonly type: string
}

/**
 * The consumer itself never gives up a message. One whose settings were changed from outside, or whose messages another
 * program has terminated, does: then nothing is pending, and all looks well.
 */
export class ExhaustedMessages {
  readonly #manager: JetStreamManager
  readonly #stream: string

  /** Makes the stream that keeps the advisories, when it does not exist. */
  static async open(
    manager: JetStreamManager,
    { streamName, name, replicas }: { readonly streamName: string; readonly name: string; readonly replicas: number },
  ): Promise<ExhaustedMessages> {
    const stream = `${name}-advisories`
    try {
      // It may have been made by somebody with more rights.
      await manager.streams.info(stream)
    } catch (error) {
      if (!(error instanceof JetStreamApiError && error.code === streamNotFound)) throw error
      const kinds = ['MAX_DELIVERIES', 'MSG_TERMINATED']
      await manager.streams.add({
        name: stream,
        subjects: kinds.map((kind) => `$JS.EVENT.ADVISORY.CONSUMER.${kind}.${streamName}.${name}`),
        storage: StorageType.File,
        retention: RetentionPolicy.Limits,
        num_replicas: replicas,
      })
    }
    return new ExhaustedMessages(manager, stream)
  }

  private constructor(manager: JetStreamManager, stream: string) {
    this.#manager = manager
    this.#stream = stream
  }

  /** @returns the oldest that stands behind an advisory */
  async next(after: number): Promise<ExhaustedMessage | undefined> {
    // The types of the client lack `next_by_subj`, which the server and the client know.
    const query = { seq: after + 1, next_by_subj: '>' }
    const message = await this.#manager.streams.getMessage(this.#stream, query)
    if (message === null) return undefined
    const { stream_seq: position, deliveries, reason, type } = message.json<Advisory>()
    const why = type.endsWith('terminated')
      ? `another program has terminated it${reason === undefined ? '' : ` (${reason})`}`
      : `the server gave it up after ${deliveries} deliveries without an answer`
    return { position, why, advisory: message.seq }
  }

  /** Forgets an advisory that was dealt with. */
  async remove({ advisory }: ExhaustedMessage): Promise<void> {
    await this.#manager.streams.deleteMessage(this.#stream, advisory, false)
  }

  /** @returns how many messages the server has given up and nobody has parked yet */
  async count(): Promise<number> {
    return (await this.#manager.streams.info(this.#stream)).state.messages
  }
}
