/** Runs a script of this folder in a process of its own, for tests that end it badly. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** How a script is started. */
export interface ChildOptions {
  readonly args: readonly string[]
  /** A program that starts the script, with its arguments; node itself when left out. */
  readonly launcher?: readonly string[]
}

/** A script that runs. */
export class Child implements AsyncDisposable {
  /** Every line that it wrote so far. */
  readonly lines: string[] = []
  readonly #process: ChildProcess
  readonly #closed: Promise<number | null>
  #errors = ''
  #heard = Promise.withResolvers<void>()

  /** @param script a file of this folder */
  constructor(script: string, { args, launcher = [] }: ChildOptions) {
    const node = [process.execPath, '--conditions=@cim/source', join(import.meta.dirname, script), ...args]
    const [program = '', ...rest] = [...launcher, ...node]
    this.#process = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#closed = once(this.#process, 'close').then(([code]) => {
      this.#heard.resolve()
      return code as number | null
    })
    if (this.#process.stdout !== null) {
      createInterface({ input: this.#process.stdout }).on('line', (line) => {
        this.lines.push(line)
        this.#heard.resolve()
        this.#heard = Promise.withResolvers()
      })
    }
    this.#process.stderr?.on('data', (text: Buffer) => {
      this.#errors += text.toString()
    })
  }

  /** Waits until it has written so many lines. @throws {Error} with what it said when it ends before */
  async wrote(count: number): Promise<void> {
    while (this.lines.length < count) {
      if (this.#process.exitCode !== null || this.#process.signalCode !== null) {
        await this.#closed
        if (this.lines.length >= count) return
        throw new Error(`The script ended after ${this.lines.length} lines: ${this.#errors}`)
      }
      await this.#heard.promise
    }
  }

  /** Waits until it ends by itself. @returns its exit code @throws {Error} with what it said when it fails */
  async end(): Promise<void> {
    const code = await this.#closed
    if (code !== 0) throw new Error(`The script ended with exit code ${code}: ${this.#errors}`)
  }

  /**
   * Waits until it has written a line that begins so.
   * @throws {Error} with what it said when it ends before, or when it has not said it until the signal aborts
   */
  async said(beginning: string, signal: AbortSignal): Promise<void> {
    const isSaid = (): boolean => this.lines.some((line) => line.startsWith(beginning))
    while (!isSaid()) await this.#until(this.wrote(this.lines.length + 1), signal)
  }

  /** What it wrote to its standard error so far. */
  get errors(): string {
    return this.#errors
  }

  /**
   * Waits until it ends, however that comes, and all it wrote is read.
   * @returns its exit code, or the signal that ended it
   * @throws {Error} when it does not end until the signal aborts
   */
  async ended(signal: AbortSignal): Promise<number | NodeJS.Signals | null> {
    await this.#until(this.#closed, signal)
    return this.#process.signalCode ?? this.#process.exitCode
  }

  /** Stops it, lets it go on, or ends it. */
  signal(name: NodeJS.Signals): void {
    this.#process.kill(name)
  }

  /** Ends it without a chance to tidy up, and waits until all it wrote is read. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }

  async #until(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
    const late = Promise.withResolvers<never>()
    const tooLate = (): void => {
      const message = `The script takes too long. It said: ${this.lines.join('; ')} ${this.#errors}`
      late.reject(new Error(message, { cause: signal.reason }))
    }
    signal.addEventListener('abort', tooLate, { once: true })
    if (signal.aborted) tooLate()
    try {
      await Promise.race([work, late.promise])
    } finally {
      signal.removeEventListener('abort', tooLate)
    }
  }
}
