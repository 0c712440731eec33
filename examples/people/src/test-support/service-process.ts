/** The People service as a process of its own, for tests that stop it, politely or not. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** What the service is started with. */
export interface ServiceProcessOptions {
  readonly dataFolder: string
  /** Any free one when left out. */
  readonly port?: number
  /** More of the command line. */
  readonly args?: readonly string[]
  /** For Node, before the service. */
  readonly nodeArgs?: readonly string[]
  /** A program that starts Node, with its arguments. */
  readonly launcher?: readonly string[]
}

const main = join(import.meta.dirname, '../main.ts')
/** Of what a service says, so much is kept: one that runs for hours may say very much. */
const mostSaid = 100_000

/** A running service. */
export class ServiceProcess implements AsyncDisposable {
  /** Where it listens. */
  readonly url: string
  readonly #child: ChildProcess
  readonly #exited: Promise<number | null>
  #said = ''

  private constructor(child: ChildProcess, exited: Promise<number | null>, url: string) {
    this.#child = child
    this.#exited = exited
    this.url = url
    const hear = (text: Buffer): void => {
      this.#said = (this.#said + text.toString()).slice(-mostSaid)
    }
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
  }

  /** Resolves once it listens. @throws {Error} with what it said when it ended instead */
  static async start({ dataFolder, port = 0, args = [], ...how }: ServiceProcessOptions): Promise<ServiceProcess> {
    const child = spawnService(['--port', String(port), '--data', dataFolder, ...args], process.env, how)
    const exited = once(child, 'exit').then(([code]) => code as number | null)
    let said = ''
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const hear = (text: Buffer): void => {
      said += text.toString()
      const url = /listens on (http:\S+)/.exec(said)?.[1]
      if (url !== undefined) resolve(url)
    }
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
    void exited.then((code) => reject(new Error(`The service ended with exit code ${code}: ${said}`)))
    try {
      return new ServiceProcess(child, exited, await promise)
    } finally {
      child.stdout?.off('data', hear)
      child.stderr?.off('data', hear)
    }
  }

  get child(): ChildProcess {
    return this.#child
  }

  /** The end of what it has said since it listens. */
  get said(): string {
    return this.#said
  }

  /** Waits for its end. @returns the exit code, null when a signal ended it */
  get exited(): Promise<number | null> {
    return this.#exited
  }

  get port(): number {
    return Number(new URL(this.url).port)
  }

  /** Sends a signal and waits for the end. @returns the exit code, null when the signal ended it */
  async end(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): Promise<number | null> {
    this.#child.kill(signal)
    return this.#exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end('SIGKILL')
  }
}

/** @param args of the service's command line */
export function spawnService(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
  { nodeArgs = [], launcher = [] }: Pick<ServiceProcessOptions, 'nodeArgs' | 'launcher'> = {},
): ChildProcess {
  const node = [process.execPath, '--conditions=@cim/source', ...nodeArgs, main, ...args]
  const [program = '', ...rest] = [...launcher, ...node]
  return spawn(program, rest, {
    // A module that is loaded before the service can answer whoever has started it.
    stdio: nodeArgs.length === 0 ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'pipe', 'pipe', 'ipc'],
    env: environment,
  })
}

/** Runs a service that is expected to end by itself. */
export async function runToEnd(
  args: readonly string[],
  environment?: NodeJS.ProcessEnv,
): Promise<{ readonly exitCode: number | null; readonly output: string; readonly errors: string }> {
  const child = spawnService(args, environment)
  let output = ''
  let errors = ''
  child.stdout?.on('data', (text: Buffer) => {
    output += text.toString()
  })
  child.stderr?.on('data', (text: Buffer) => {
    errors += text.toString()
  })
  const [exitCode] = (await once(child, 'close')) as [number | null]
  return { exitCode, output, errors }
}
