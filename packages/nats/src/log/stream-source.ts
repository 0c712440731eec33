/** One stream as a log: places of the stream are the positions. */

import { StoreCorruptError } from '@cim/core'
import type { StoredMessage } from '../messages/event-message.ts'
import { type DirectReader, tooMany } from '../server/direct-reader.ts'
import { NoAnswer } from '../server/inbox.ts'
import type { Patience } from '../server/patience.ts'
import type { LogHead } from './log-head.ts'
import type { LogRun, LogSource } from './log-source.ts'

/** About how many bytes of messages are read at once. */
export const mostBytesAtOnce: number = 8 * 1024 * 1024

/** Works on replicas, each of which has a beginning of the log without a gap. */
export class StreamSource implements LogSource {
  readonly #direct: DirectReader
  readonly #head: LogHead

  constructor(direct: DirectReader, head: LogHead) {
    this.#direct = direct
    this.#head = head
  }

  async read(after: number, count: number): Promise<LogRun> {
    const messages = await this.messages(after, count, mostBytesAtOnce)
    return { messages, end: messages.at(-1)?.sequence ?? after, endsWithEvent: false }
  }

  /** @returns the next messages, at most so many and about so many bytes */
  async messages(after: number, count: number, mostBytes: number): Promise<readonly StoredMessage[]> {
    const run = await this.#direct.get({ seq: after + 1, batch: count, max_bytes: mostBytes })
    if (run === tooMany) throw new NoAnswer('a server refused to read so many messages', true)
    let before = after
    for (const { sequence } of run.messages) {
      if (sequence !== before + 1 && (await this.#head.isStored(before + 1))) {
        throw new NoAnswer(`a replica lacks message ${before + 1}, which the leader has`, true)
      }
      before = sequence
    }
    return run.messages
  }

  position(patience: Patience): Promise<number> {
    return this.#head.position(patience)
  }

  async checkIsStored(position: number, patience: Patience): Promise<void> {
    const end = await this.#head.newestSequence(patience)
    if (end >= position) return
    throw new StoreCorruptError(
      `JetStream: the log was read up to ${position}, and now ends at ${end}. The servers have lost events that they had acknowledged: ` +
        'they lost power without `sync_interval: always`, or were restored from an older copy. Stop, and restore what was lost or build everything anew.',
    )
  }
}
