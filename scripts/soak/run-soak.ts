// A People service under a mixed load, killed and started again, watched for what it loses and for what it uses.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ServiceProcess } from '../../examples/people/src/test-support/service-process.ts'
import { seededRandom } from '../../examples/people/src/test-support/synthetic-congress.ts'
import { Commander } from './commander.ts'
import { auditOverHttp, auditStores } from './final-audit.ts'
import { operate } from './operator.ts'
import { descriptorsOf, type Growth, growthOf, memoryOf, metricsOf, type Sample } from './samples.ts'
import { SoakClient } from './soak-client.ts'
import { Tally } from './tally.ts'
import { Watcher } from './watcher.ts'

export type SoakOptions = {
  readonly seconds: number
  readonly seed: number
  readonly say: (line: string) => void
}

/** What happened, and what was found. */
export type SoakOutcome = {
  readonly seconds: number
  readonly seed: number
  readonly events: number
  readonly acknowledged: number
  readonly hirings: number
  readonly queued: number
  readonly repeated: number
  readonly rejected: number
  readonly refused: number
  readonly queries: number
  readonly notifications: number
  readonly rebuilds: number
  readonly promotions: number
  readonly snapshots: number
  readonly kills: number
  /** From the start of the process until it listened, in milliseconds. */
  readonly startMs: readonly number[]
  /** Requests that were cut off by a kill or came before the next start. */
  readonly cutOff: number
  readonly unavailable: Readonly<Record<string, number>>
  readonly growth: readonly Growth[]
  readonly samples: readonly Sample[]
  /** Each a sentence; none is how it should be. */
  readonly findings: readonly string[]
}

const COMMANDERS = 8
const MOST_PERSONS_EACH = 100
/** Together some 80 commands a second, on a machine that has to do other things too. */
const PAUSE_MS = 80
const WATCHERS = 12

export async function runSoak({ seconds, seed, say }: SoakOptions): Promise<SoakOutcome> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'cim-soak-'))
  const outcome = await new Soak(dataFolder, seconds, seed, say).run()
  if (outcome.findings.length === 0) rmSync(dataFolder, { recursive: true, force: true })
  else say(`The service's data is kept in ${dataFolder}.`)
  return outcome
}

class Soak {
  readonly #dataFolder: string
  readonly #seconds: number
  readonly #seed: number
  readonly #say: (line: string) => void
  readonly #random: () => number
  readonly #tally = new Tally()
  readonly #samples: Sample[] = []
  readonly #findings: string[] = []
  readonly #startMs: number[] = []
  readonly #begun = performance.now()
  /** Ends the load. */
  readonly #enough = new AbortController()
  /** Ends everything that is under way, because something failed. */
  readonly #giveUp = new AbortController()
  #service: ServiceProcess | undefined

  constructor(dataFolder: string, seconds: number, seed: number, say: (line: string) => void) {
    this.#dataFolder = dataFolder
    this.#seconds = seconds
    this.#seed = seed
    this.#say = say
    this.#random = seededRandom(seed)
  }

  async run(): Promise<SoakOutcome> {
    const { url, port } = await this.#start(0)
    const client = new SoakClient(url, this.#giveUp.signal)
    const log = new Watcher(url, '/events?subject=events.%3E', this.#tally)
    const head = { position: 0 }
    try {
      const watching = this.#watch(url, log)
      const load = this.#load(client)
      const sampling = this.#sample(client)
      await this.#killAgainAndAgain(port)
      this.#enough.abort()
      await Promise.all([load, sampling])
      head.position = await auditOverHttp(client, log, this.#findings)
      this.#giveUp.abort()
      await watching
      const code = await this.#service?.end('SIGTERM')
      if (code !== 0) this.#find(`The service ended with ${code} when it was asked to: ${this.#service?.said}`)
      if (log.count !== head.position) this.#find(`Of ${head.position} events, a live stream has brought ${log.count}.`)
    } catch (error) {
      this.#find(`The soak could not go on: ${error instanceof Error ? error.stack : error}`)
    } finally {
      this.#enough.abort()
      this.#giveUp.abort()
      await this.#service?.end('SIGKILL')
    }
    const stored = await auditStores(this.#dataFolder, this.#tally, this.#findings)
    return this.#outcome(client, stored)
  }

  async #start(port: number): Promise<ServiceProcess> {
    const begun = performance.now()
    const preload = join(import.meta.dirname, 'tell-memory.ts')
    this.#service = await ServiceProcess.start({
      dataFolder: this.#dataFolder,
      port,
      nodeArgs: ['--expose-gc', '--import', preload],
      args: ['--log-level', 'error'],
    })
    this.#startMs.push(Math.round(performance.now() - begun))
    return this.#service
  }

  /** Kills often in the beginning and at the end; in between, one process lives long. */
  async #killAgainAndAgain(port: number): Promise<void> {
    for (const moment of planKills(this.#seconds, this.#random)) {
      // A start may have taken longer than that.
      if (moment < this.#secondsPassed()) continue
      const service = this.#service
      const lifeMs = (moment - this.#secondsPassed()) * 1000
      const ended = await Promise.race([service?.exited, sleep(lifeMs, 'lives' as const)])
      if (ended !== 'lives') throw new Error(`The service ended by itself with ${ended}: ${service?.said}`)
      if (this.#giveUp.signal.aborted) return
      await service?.end('SIGKILL')
      await this.#start(port)
    }
    await sleep(Math.max(0, this.#seconds - this.#secondsPassed()) * 1000)
  }

  async #load(client: SoakClient): Promise<void> {
    await client.post(
      '/commands/CreateOrganization',
      { aggregateId: 'works', data: { name: 'Works' } },
      { 'idempotency-key': 'found' },
    )
    const persons = Math.min(MOST_PERSONS_EACH, Math.ceil(this.#seconds / 2))
    const [tally, stop] = [this.#tally, this.#enough.signal]
    const commanders = Array.from({ length: COMMANDERS }, (_, index) => {
      const random = seededRandom(this.#seed + 1 + index)
      const own = { client, name: `w${index}`, random, tally, persons, pauseMs: PAUSE_MS }
      return new Commander(own).run(stop)
    })
    const operating = operate(client, tally, Math.max(500, this.#seconds * 10), stop)
    await Promise.all([...commanders, operating].map((work) => this.#reported(work)))
  }

  async #watch(url: string, log: Watcher): Promise<void> {
    const paths = Array.from(
      { length: WATCHERS },
      (_, index) => `/queries/GetPersonById?personId=w${index % COMMANDERS}-p0`,
    )
    const watchers = [log, ...paths.map((path) => new Watcher(url, path, this.#tally))]
    await Promise.all(watchers.map((watcher) => this.#reported(watcher.run(this.#giveUp.signal))))
  }

  /** One that fails ends the soak, and says why. */
  async #reported(work: Promise<void>): Promise<void> {
    try {
      await work
    } catch (error) {
      if (this.#giveUp.signal.aborted) return
      this.#find(error instanceof Error ? error.message : String(error))
      this.#enough.abort()
      this.#giveUp.abort(error)
    }
  }

  async #sample(client: SoakClient): Promise<void> {
    const everyMs = Math.max(500, Math.min(10_000, this.#seconds * 5))
    let minute = 0
    while (!this.#enough.signal.aborted) {
      const sample = await this.#look(client).catch(() => undefined)
      if (sample !== undefined) {
        this.#samples.push(sample)
        if (sample.second >= minute * 60) {
          this.#say(describe(sample))
          minute = Math.floor(sample.second / 60) + 1
        }
      }
      await sleep(everyMs, undefined, { signal: this.#enough.signal }).catch(() => undefined)
    }
  }

  /** @throws {Error} when the process is killed meanwhile */
  async #look(client: SoakClient): Promise<Sample> {
    const service = this.#service
    if (service === undefined) throw new Error('There is no process.')
    const { child } = service
    const generation = this.#startMs.length
    const metrics = await metricsOf(client)
    const descriptors = descriptorsOf(child)
    const memory = await memoryOf(child)
    if (memory === undefined) throw new Error('The process has ended.')
    return {
      second: Math.round(this.#secondsPassed() * 10) / 10,
      generation,
      heapMb: toMb(memory.heap),
      residentMb: toMb(memory.resident),
      descriptors,
      ...metrics,
      commands: this.#tally.acknowledged.length,
      queries: this.#tally.queries,
      notifications: this.#tally.notifications,
    }
  }

  #find(finding: string): void {
    this.#findings.push(finding)
    this.#say(`FOUND: ${finding}`)
  }

  #secondsPassed(): number {
    return (performance.now() - this.#begun) / 1000
  }

  #outcome(client: SoakClient, stored: { readonly events: number; readonly snapshots: number }): SoakOutcome {
    const { acknowledged, hired, ...counts } = this.#tally
    const growth = growthOf(this.#samples)
    for (const one of growth) {
      if (one.isFlat === false) this.#find(`Process ${one.generation} has grown: ${JSON.stringify(one)}`)
    }
    return {
      seconds: Math.round(this.#secondsPassed()),
      seed: this.#seed,
      ...stored,
      acknowledged: acknowledged.length,
      hirings: hired.length,
      ...counts,
      kills: this.#startMs.length - 1,
      startMs: this.#startMs,
      cutOff: client.repeats,
      unavailable: Object.fromEntries(client.unavailable),
      growth,
      samples: this.#samples,
      findings: this.#findings,
    }
  }
}

/** @returns the seconds at which the process of then is killed: often at first and in the end, never in between */
function planKills(seconds: number, random: () => number): readonly number[] {
  const within = (from: number, to: number): readonly number[] => {
    const moments: number[] = []
    for (let at = from; at < to; at += seconds * (1 / 90 + random() / 10)) moments.push(at)
    return moments
  }
  return [...within(0.05 * seconds, 0.3 * seconds), ...within(0.7 * seconds, 0.95 * seconds)]
}

function describe(sample: Sample): string {
  const { second, generation, heapMb, residentMb, descriptors, lagEvents, commands, queries, notifications } = sample
  const uses = `heap ${heapMb} MB, resident ${residentMb} MB, ${descriptors ?? '?'} descriptors`
  return `${Math.round(second)} s: process ${generation}, ${uses}, lag ${lagEvents}; ${commands} commands, ${queries} queries, ${notifications} notifications`
}

function toMb(bytes: number): number {
  return Math.round(bytes / 2 ** 17) / 8
}
