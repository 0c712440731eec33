/** A connection that sends any bytes, and reads the answers to them. */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { parseAnswer, type RawAnswer } from './answer-parser.ts'

/** See above. */
export class RawConnection implements Disposable {
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #isClosed = false
  #isEnded = false
  #changed = Promise.withResolvers<void>()

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#change()
    })
    socket.on('close', () => {
      this.#isClosed = true
      this.#change()
    })
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    // Being cut off is an outcome, not a failure.
    socket.on('error', () => undefined)
    return new RawConnection(socket)
  }

  /** True once the service has closed it. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  send(bytes: Buffer): void {
    if (this.#socket.writable) this.#socket.write(bytes)
  }

  /** Says that nothing more comes. */
  end(): void {
    this.#isEnded = true
    this.#socket.end()
  }

  /**
   * @param isHead whether the request was HEAD
   * @param patienceMs how long to wait for it
   * @returns the next answer; undefined when none comes in time or before the end
   * @throws {NoAnswerError} when something else comes
   */
  async read(isHead: boolean, patienceMs: number): Promise<RawAnswer | undefined> {
    const deadline = performance.now() + patienceMs
    const timer = setTimeout(() => this.#change(), patienceMs)
    try {
      for (;;) {
        const found = parseAnswer(this.#received, isHead, this.#isClosed)
        if (found !== undefined) {
          this.#received = this.#received.subarray(found.end)
          return found.answer
        }
        if (this.#isClosed || performance.now() >= deadline - 1) return undefined
        await this.#changed.promise
      }
    } finally {
      clearTimeout(timer)
    }
  }

  #change(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }

  /** Cuts it. */
  [Symbol.dispose](): void {
    // A reset leaves no port behind that cannot be used again for a minute. One that is being ended cannot be reset.
    if (this.#isClosed || this.#isEnded) this.#socket.destroy()
    else this.#socket.resetAndDestroy()
  }
}
