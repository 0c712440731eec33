/** The People service as a process of its own that can be looked into. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Holdings } from './probe.ts'

const main = join(import.meta.dirname, '../../main.ts')
const probe = pathToFileURL(join(import.meta.dirname, 'probe.ts')).href

/** What the service is started with. */
export interface FuzzedServiceOptions {
  readonly dataFolder: string
  readonly token: string | undefined
}

/** A running service. */
export class FuzzedService implements AsyncDisposable {
  readonly port: number
  readonly token: string | undefined
  readonly #child: ChildProcess
  readonly #exited: Promise<readonly unknown[]>
  readonly #errors: string[]

  private constructor(port: number, token: string | undefined, child: ChildProcess, errors: string[]) {
    this.port = port
    this.token = token
    this.#child = child
    this.#exited = once(child, 'exit')
    this.#errors = errors
  }

  /** Resolves once it listens. */
  static async start({ dataFolder, token }: FuzzedServiceOptions): Promise<FuzzedService> {
    const args = ['--conditions=@cim/source', `--import=${probe}`, main, '--port', '0', '--data', dataFolder]
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ...(token === undefined ? undefined : { CIM_TOKEN: token }) },
    })
    const errors: string[] = []
    child.stderr?.setEncoding('utf8').on('data', (text: string) => errors.push(text))
    let said = ''
    for await (const text of child.stdout ?? []) {
      said += text
      const port = /listens on http:\S+:(\d+)/.exec(said)?.[1]
      if (port !== undefined) return new FuzzedService(Number(port), token, child, errors)
    }
    throw new Error(`The service has ended: ${said}${errors.join('')}`)
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** What it has logged as an error: a fault that it noticed itself. */
  get faults(): readonly string[] {
    const lines = this.#errors.join('').split('\n')
    // Anything that is not JSON was not written by the logger.
    return lines.filter((line) => line !== '' && !/^\{"level":(10|20|30|40),/.test(line))
  }

  /** @returns what it holds after its garbage is collected */
  async holdings(): Promise<Holdings> {
    this.#child.send('look')
    const [holdings] = (await once(this.#child, 'message', { signal: AbortSignal.timeout(60_000) })) as [Holdings]
    return holdings
  }

  /** Lets it finish. @returns its exit code */
  async stop(): Promise<unknown> {
    this.#child.kill('SIGTERM')
    return (await this.#exited)[0]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isRunning) this.#child.kill('SIGKILL')
    await this.#exited
  }
}
