/** Keeps fingerprints in a file, line by line. */

import { createReadStream } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'

const charactersPerWrite = 256 * 1024

/** Writes beside the file that is asked for, which is there when it is whole, and not before. */
export class FingerprintFile implements AsyncDisposable {
  readonly #path: string
  readonly #unfinished: string
  readonly #file: FileHandle
  #pending: string[] = []
  #characters = 0
  #isFinished = false

  private constructor(path: string, file: FileHandle) {
    this.#path = path
    this.#unfinished = unfinishedOf(path)
    this.#file = file
  }

  static async create(path: string): Promise<FingerprintFile> {
    return new FingerprintFile(path, await open(unfinishedOf(path), 'w'))
  }

  /** Waits only when enough has come together. */
  write(line: string): void | Promise<void> {
    this.#pending.push(line)
    this.#characters += line.length
    if (this.#characters >= charactersPerWrite) return this.#flush()
  }

  /** Puts the file in its place. */
  async finish(): Promise<void> {
    await this.#flush()
    await this.#file.sync()
    await this.#file.close()
    this.#isFinished = true
    await rename(this.#unfinished, this.#path)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isFinished) return
    await this.#file.close()
    await rm(this.#unfinished, { force: true })
  }

  async #flush(): Promise<void> {
    if (this.#pending.length === 0) return
    const text = `${this.#pending.join('\n')}\n`
    this.#pending = []
    this.#characters = 0
    await this.#file.writeFile(text)
  }
}

/** Reads a file as it is asked for. */
export async function* linesOf(path: string): AsyncGenerator<string> {
  const input = createReadStream(path, { encoding: 'utf8' })
  try {
    yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
  } finally {
    input.destroy()
  }
}

function unfinishedOf(path: string): string {
  return `${path}-unfinished`
}
