// What a process uses as time passes, and whether that grows.
import type { ChildProcess } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import type { SoakClient } from './soak-client.ts'
import type { Memory } from './tell-memory.ts'

/** A moment of one process. */
export type Sample = {
  /** Since the soak began. */
  readonly second: number
  /** Which of the processes, from 1. */
  readonly generation: number
  readonly heapMb: number
  readonly residentMb: number
  /** Undefined where the system does not tell. */
  readonly descriptors: number | undefined
  /** Of the processor that is most behind. */
  readonly lagEvents: number
  readonly headPosition: number
  readonly commands: number
  readonly queries: number
  readonly notifications: number
}

/** How one process ended as compared with how it began, without its first minute. */
export type Growth = {
  readonly generation: number
  readonly seconds: number
  readonly heapMb: readonly [first: number, last: number]
  readonly residentMb: readonly [first: number, last: number]
  readonly descriptors: readonly [first: number, last: number] | undefined
  /** Undefined: it has not lived long enough to say. */
  readonly isFlat: boolean | undefined
}

/** Before that, caches fill. */
const WARM_UP_SECONDS = 60
const FEWEST_SAMPLES = 9

/** @returns undefined when it ends before it has answered */
export async function memoryOf(child: ChildProcess): Promise<Memory | undefined> {
  const { promise, resolve } = Promise.withResolvers<Memory | undefined>()
  const tell = (memory: unknown): void => resolve(memory as Memory)
  const end = (): void => resolve(undefined)
  child.once('message', tell).once('exit', end)
  child.send('memory', (error) => error !== null && end())
  try {
    return await promise
  } finally {
    child.off('message', tell).off('exit', end)
  }
}

export function descriptorsOf(child: ChildProcess): number | undefined {
  const folder = `/proc/${child.pid}/fd`
  return existsSync(folder) ? readdirSync(folder).length : undefined
}

export async function metricsOf(client: SoakClient): Promise<Pick<Sample, 'lagEvents' | 'headPosition'>> {
  const text = await (await fetch(`${client.url}/metrics`, { signal: AbortSignal.timeout(30_000) })).text()
  const values = (name: string): number[] =>
    [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].map(([, value]) => Number(value))
  return {
    lagEvents: Math.max(0, ...values('cim_processor_lag_events')),
    headPosition: Math.max(0, ...values('cim_event_store_head_position')),
  }
}

/** @returns what became of each process, in order */
export function growthOf(samples: readonly Sample[]): readonly Growth[] {
  return [...Map.groupBy(samples, ({ generation }) => generation).values()].map(compareThirds)
}

function compareThirds(samples: readonly Sample[]): Growth {
  const [begin = 0, end = 0] = [samples[0]?.second, samples.at(-1)?.second]
  const warm = samples.filter(({ second }) => second - begin >= WARM_UP_SECONDS)
  const isJudged = warm.length >= FEWEST_SAMPLES
  const looked = isJudged ? warm : samples
  const third = Math.ceil(looked.length / 3)
  const both = (value: (sample: Sample) => number): readonly [number, number] => [
    median(looked.slice(0, third).map(value)),
    median(looked.slice(-third).map(value)),
  ]
  const heapMb = both((sample) => sample.heapMb)
  const residentMb = both((sample) => sample.residentMb)
  const isCounted = looked.every((sample) => sample.descriptors !== undefined)
  const descriptors = isCounted ? both((sample) => sample.descriptors ?? 0) : undefined
  const isFlat =
    // A tenth, and some MB for what is kept of each aggregate, up to 10,000 of them.
    isWithin(heapMb, 0.1, 8) &&
    isWithin(residentMb, 0.1, 16) &&
    (descriptors === undefined || isWithin(descriptors, 0, 4))
  const [{ generation } = { generation: 0 }] = samples
  return { generation, seconds: end - begin, heapMb, residentMb, descriptors, isFlat: isJudged ? isFlat : undefined }
}

function isWithin([first, last]: readonly [number, number], share: number, slack: number): boolean {
  return last <= first * (1 + share) + slack
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
