// One nats-server as a process, which ends when it is told to and says so when it ends by itself.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdirSync, type WriteStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** The longest time to get ready: a long log is read first. */
const longestStartMs = 60_000
/** After it, a server that was asked to end is killed. */
const longestEndMs = 10_000
const logCharactersKept = 2000

export type NatsProcessOptions = {
  /** Where nats-server is. */
  readonly program: string
  readonly name: string
  /** On loopback. */
  readonly port: number
  /** For its configuration, its log and its data; it is made. */
  readonly folder: string
  /** More lines for its configuration file. */
  readonly configuration: string
}

export class NatsProcess {
  readonly name: string
  readonly url: string
  readonly folder: string
  readonly #program: string
  readonly #configurationFile: string
  #child: ChildProcess | undefined
  /** The newest of what it said. */
  #said = ''
  #isReady = false

  constructor({ program, name, port, folder, configuration }: NatsProcessOptions) {
    this.#program = program
    this.name = name
    this.url = `nats://127.0.0.1:${port}`
    this.folder = folder
    this.#configurationFile = join(folder, 'nats-server.conf')
    mkdirSync(folder, { recursive: true })
    const own = [`server_name: ${name}`, `listen: "127.0.0.1:${port}"`]
    writeFileSync(this.#configurationFile, `${[...own, configuration].join('\n')}\n`)
  }

  /** Undefined when it does not run. */
  get pid(): number | undefined {
    return this.#isRunning ? this.#child?.pid : undefined
  }

  get logFile(): string {
    return join(this.folder, 'nats-server.log')
  }

  get #isRunning(): boolean {
    return this.#child?.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /**
   * @returns when it takes connections
   * @throws {Error} with what it said when it does not
   */
  async start(): Promise<void> {
    this.#said = ''
    this.#isReady = false
    // In a process group of its own: Ctrl-C reaches whoever started it, who then ends it.
    const child = spawn(this.#program, ['-c', this.#configurationFile], {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    })
    this.#child = child
    child.once('error', (error) => {
      this.#said += error.message
    })
    this.#listenTo(child, createWriteStream(this.logFile, { flags: 'a' }))
    for (const begun = performance.now(); !this.#isReady; await delay(20)) {
      if (this.#isRunning && performance.now() - begun < longestStartMs) continue
      await this.stop()
      throw new Error(`The NATS server ${this.name} does not start. It said:\n${this.#said.trim()}`)
    }
  }

  #listenTo(child: ChildProcess, log: WriteStream): void {
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      const said = this.#said + text
      this.#isReady ||= said.includes('Server is ready')
      this.#said = said.slice(-logCharactersKept)
      log.write(text)
    })
    child.once('close', () => log.end())
  }

  /** @returns how the server ended that runs now, for instance `exit code 1` */
  async ended(): Promise<string> {
    const child = this.#child
    if (child !== undefined && this.#isRunning) await once(child, 'exit')
    return child?.signalCode ?? `exit code ${child?.exitCode}`
  }

  /** Asks it to end, and kills it when it takes too long. */
  async stop(): Promise<void> {
    if (!this.#isRunning) return
    const ended = this.ended()
    this.#child?.kill('SIGTERM')
    const timer = setTimeout(() => this.#child?.kill('SIGKILL'), longestEndMs)
    await ended
    clearTimeout(timer)
  }
}
