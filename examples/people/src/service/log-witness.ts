/** Keeps views from being used with another log than the one that they were built from. */

import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { CimError, type EventStore } from '@cim/core'

/** Views have seen an event that is not where it was. */
export class LogChangedError extends CimError {
  override readonly name = 'LogChangedError'
  readonly code = 'log-changed'
}

/** What {@link LogWitness} watches. */
export interface WatchedLog {
  readonly eventStore: EventStore
  /** In words, for the message. */
  readonly logName: string
  /** The file of the views. */
  readonly viewFile: string
  /** The bucket that says how far reactions and sagas are in the log. */
  readonly bucket: string
  /** Is told when it could not look; it looks again. */
  readonly onError: (error: unknown) => void
}

/** One event of the log, by which it is known again: no other event has its id. */
interface Witness {
  readonly position: number
  readonly eventId: string
}

const everyMs = 1000

/**
 * Writes the newest event down beside the views, once a second, and looks whether the one that it wrote down before is still
 * where it was. So it notices another log, and one that has come back with less, whatever was appended to it since. What was
 * appended and lost within one second can escape it.
 */
export class LogWitness implements AsyncDisposable {
  readonly #log: WatchedLog
  readonly #file: string
  readonly #changed = Promise.withResolvers<LogChangedError>()
  readonly #stopping = new AbortController()
  #witness: Witness | undefined
  #watching: Promise<void> = Promise.resolve()

  /**
   * Call it before the views are opened.
   * @throws {LogChangedError} when there are views, and they were built from another log
   */
  static async open(log: WatchedLog): Promise<LogWitness> {
    const witness = new LogWitness(log)
    await witness.#look()
    witness.#watching = witness.#watch()
    return witness
  }

  private constructor(log: WatchedLog) {
    this.#log = log
    this.#file = `${log.viewFile}-log.json`
    if (existsSync(log.viewFile)) this.#witness = readWitness(this.#file, log)
    // Views that are built anew have seen nothing.
    else rmSync(this.#file, { force: true })
  }

  /** Settles when the log has changed while it was watched. */
  get changed(): Promise<LogChangedError> {
    return this.#changed.promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort()
    await this.#watching
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stopping
    for (;;) {
      await delay(everyMs, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) return
      try {
        await this.#look()
      } catch (error) {
        if (error instanceof LogChangedError) {
          this.#changed.resolve(error)
          return
        }
        this.#log.onError(error)
      }
    }
  }

  async #look(): Promise<void> {
    const { eventStore } = this.#log
    const known = this.#witness
    if (known !== undefined) {
      const found = await eventIdAt(eventStore, known.position)
      if (found !== known.eventId) throw this.#hasChanged(known, found)
    }
    const position = await eventStore.headPosition()
    if (position === (known?.position ?? 0)) return
    const eventId = await eventIdAt(eventStore, position)
    if (eventId === undefined) return
    this.#witness = { position, eventId }
    // Whole or not at all, also when the process ends meanwhile.
    writeFileSync(`${this.#file}.new`, JSON.stringify(this.#witness))
    renameSync(`${this.#file}.new`, this.#file)
  }

  #hasChanged({ position, eventId }: Witness, found: string | undefined): LogChangedError {
    const { logName, viewFile, bucket } = this.#log
    const there = found === undefined ? 'no event' : `the event ${found}`
    return new LogChangedError(
      `The views in ${viewFile} were built from another log than ${logName}: at position ${position} they have seen the event ${eventId}, ` +
        `and now there is ${there}. Name the servers and the prefix that the views belong to, or another folder with --data. ` +
        `If this is the log that is meant, and it was made anew or has lost events, stop all services on it, delete ${viewFile}* in the folder ` +
        `of each, and the bucket ${bucket} with \`nats kv del ${bucket}\`: reactions and sagas would take new events for done that stand where ` +
        'they have been. The views are then built anew, and reactions and sagas begin anew: what they have told others of events that are ' +
        'still there they tell again, under the same idempotency keys.',
    )
  }
}

function readWitness(file: string, { viewFile }: WatchedLog): Witness | undefined {
  if (!existsSync(file)) return undefined
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Witness
  } catch (cause) {
    throw new LogChangedError(
      `${file}, which says what log the views were built from, cannot be read. Delete ${viewFile}*: the views are then built anew.`,
      { cause },
    )
  }
}

async function eventIdAt(eventStore: EventStore, position: number): Promise<string | undefined> {
  const { events } = await eventStore.readEvents({ afterPosition: position - 1, limit: 1 })
  return events.find((event) => event.position === position)?.eventId
}
