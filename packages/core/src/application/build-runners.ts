/** Runs builds of views: each once, however many have a use for it, and only while the application runs. */

import { UnknownNameError } from '../errors/input-errors.ts'
import { ApplicationStoppedError } from '../errors/processing-errors.ts'
import type { ProcessorRunner } from '../event-processing/processor-runner.ts'
import type { EventStore } from '../event-store/event-store.ts'
import type { ProjectionDefinition } from '../read-side/projection.ts'
import { type ViewStore, viewKey } from '../read-side/view-store.ts'

/** What {@link BuildRunners} needs. */
export interface BuildRunnersOptions {
  readonly eventStore: EventStore
  readonly viewStore: ViewStore
  /**
   * Makes the runner of one build.
   * @param whenDropped is to be called when the build is found to be there no more; it must never be made anew by its runner
   */
  readonly createRunner: (projection: ProjectionDefinition, whenDropped: () => void) => ProcessorRunner
}

/** A build that is run. */
export interface RunningBuild {
  readonly view: ProjectionDefinition
  readonly runner: ProcessorRunner
}

interface Running extends RunningBuild {
  /** Work under way that needs it. */
  guests: number
  /** It runs on when the last guest has left. */
  isKept: boolean
  /** Settles when it has started; undefined before, and after the application was stopped. */
  started: Promise<void> | undefined
}

/** Owns the runner of each build. */
export class BuildRunners {
  readonly #options: BuildRunnersOptions
  readonly #running = new Map<string, Running>()
  /** Runners of builds that others have dropped, on their way out. */
  readonly #ending = new Set<Promise<void>>()
  #stopping = new AbortController()

  constructor(options: BuildRunnersOptions) {
    this.#options = options
    this.#stopping.abort(new ApplicationStoppedError())
  }

  get all(): readonly ProcessorRunner[] {
    return [...this.#running.values()].map(({ runner }) => runner)
  }

  /** Is aborted, with the error to tell, while the application does not run. */
  get stopping(): AbortSignal {
    return this.#stopping.signal
  }

  /** @returns a build that runs, or has run until the application was stopped */
  get(key: string): RunningBuild | undefined {
    return this.#running.get(key)
  }

  /** From here on builds may be run. */
  begin(): void {
    this.#stopping = new AbortController()
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new ApplicationStoppedError())
    const all = [...this.#running.values()]
    await Promise.allSettled(all.flatMap(({ runner, started }) => [runner.stop(), started]))
    for (const running of all) running.started = undefined
    await Promise.all(this.#ending)
  }

  /**
   * Runs a build until it is retired, halted, or dropped by somebody else.
   * @throws {ApplicationStoppedError} when the application does not run
   * @throws {UnknownNameError} when there is no such build
   */
  async keep(view: ProjectionDefinition): Promise<void> {
    const running = this.#run(view)
    running.isKept = true
    await running.started
  }

  /**
   * Runs a build for as long as some work takes, whoever retires it meanwhile.
   * @throws {ApplicationStoppedError} when the application does not run
   * @throws {UnknownNameError} when there is no such build
   */
  async during<TResult>(view: ProjectionDefinition, work: (build: RunningBuild) => Promise<TResult>): Promise<TResult> {
    const running = this.#run(view)
    running.guests++
    try {
      await running.started
      return await work(running)
    } finally {
      running.guests--
      await this.#endUnused(running)
    }
  }

  /**
   * Waits until a build has processed everything that the event store holds now.
   * @returns a position up to which it has seen everything
   * @throws {UnknownNameError} when it was dropped meanwhile
   */
  async catchUp({ view, runner }: RunningBuild, signal: AbortSignal | undefined): Promise<number> {
    const [key, ending] = [viewKey(view), this.endOf(signal)]
    const head = await this.#options.eventStore.headPosition()
    await runner.drain({ signal: ending })
    ending.throwIfAborted()
    // A runner that was stopped waits for nothing.
    if (this.#running.get(key)?.runner !== runner) throw this.#unknown(key)
    return head
  }

  /** @returns a signal of when some work has to end: when its caller gives up, or the application stops */
  endOf(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.stopping : AbortSignal.any([signal, this.stopping])
  }

  /** Nobody reads the build any more: it ends with the last work that needs it. */
  async retire(key: string): Promise<void> {
    const running = this.#running.get(key)
    if (running === undefined) return
    running.isKept = false
    await this.#endUnused(running)
  }

  /** Ends a build, whoever needs it. */
  async halt(key: string): Promise<void> {
    const running = this.#running.get(key)
    this.#running.delete(key)
    await running?.runner.stop()
  }

  async #endUnused(running: Running): Promise<void> {
    const key = viewKey(running.view)
    if (!running.isKept && running.guests === 0 && this.#running.get(key) === running) await this.halt(key)
  }

  /** Everybody waits for the same start: a runner that is about to start looks like one that is stopped. */
  #run(view: ProjectionDefinition): Running {
    this.stopping.throwIfAborted()
    const key = viewKey(view)
    let running = this.#running.get(key)
    if (running === undefined) {
      const runner: ProcessorRunner = this.#options.createRunner(view, () => this.#leave(key, runner))
      running = { view, runner, guests: 0, isKept: false, started: undefined }
      this.#running.set(key, running)
    }
    running.started ??= this.#start(key, running, this.stopping)
    return running
  }

  async #start(key: string, running: Running, stopping: AbortSignal): Promise<void> {
    try {
      await this.#options.viewStore.openView(running.view, { mustExist: true })
      // Nothing may run that nobody would stop.
      stopping.throwIfAborted()
      if (this.#running.get(key) !== running) throw this.#unknown(key)
      await running.runner.start()
    } catch (error) {
      if (this.#running.get(key) === running) this.#running.delete(key)
      throw error
    }
  }

  #leave(key: string, runner: ProcessorRunner): void {
    if (this.#running.get(key)?.runner === runner) this.#running.delete(key)
    const ending: Promise<void> = runner.stop().finally(() => this.#ending.delete(ending))
    this.#ending.add(ending)
  }

  #unknown(key: string): UnknownNameError {
    return new UnknownNameError('unknown-view', key, this.#running.keys())
  }
}
