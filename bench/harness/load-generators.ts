/** Makes load, and measures how much of it was carried and how long each operation took. */

import { performance } from 'node:perf_hooks'
import { percentile } from './statistics.ts'

/** What one run of load gave. */
export type LoadSample = {
  readonly perSecond: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

/**
 * Callers that each wait for an answer before they ask again: shows the most that can be carried.
 * @param callers how many there are
 * @param operations how many operations they make together
 * @param operation one of them, by the caller with that number, from 0
 */
export async function closedLoop(
  callers: number,
  operations: number,
  operation: (caller: number) => Promise<unknown>,
): Promise<LoadSample> {
  const latencies = new Float64Array(operations)
  let begun = 0
  const call = async (caller: number): Promise<void> => {
    while (begun < operations) {
      const index = begun++
      const start = performance.now()
      await operation(caller)
      latencies[index] = performance.now() - start
    }
  }
  const start = performance.now()
  await Promise.all(Array.from({ length: callers }, (_, caller) => call(caller)))
  return summarize(latencies, operations, performance.now() - start)
}

/**
 * Operations that begin at a fixed rate, whether or not earlier ones are done: shows what somebody has to wait. Latencies
 * count from the moment at which an operation was due, so a stall is felt by everyone who comes during it.
 * @param ratePerSecond how many operations are due each second, evenly spaced
 * @param operations how many there are in all
 * @param operation one of them, by its number from 0
 */
export async function openLoop(
  ratePerSecond: number,
  operations: number,
  operation: (index: number) => Promise<unknown>,
): Promise<LoadSample> {
  const latencies = new Float64Array(operations)
  const underWay: Promise<void>[] = []
  const start = performance.now()
  const due = (index: number): number => start + (index * 1000) / ratePerSecond
  const call = async (index: number): Promise<void> => {
    await operation(index)
    latencies[index] = performance.now() - due(index)
  }
  while (underWay.length < operations) {
    // Looking at the clock in every turn of the event loop: a timer may be late by more than what is measured.
    await new Promise((resolve) => setImmediate(resolve))
    while (underWay.length < operations && due(underWay.length) <= performance.now()) {
      underWay.push(call(underWay.length))
    }
  }
  await Promise.all(underWay)
  return summarize(latencies, operations, performance.now() - start)
}

/**
 * The same batch again and again, synchronously: what a raw loop over a database can do.
 * @param batchSize operations in a batch
 * @param operations how many operations to make at least
 * @param batch makes that many operations
 */
export function batchLoop(batchSize: number, operations: number, batch: (size: number) => void): LoadSample {
  const batches = Math.ceil(operations / batchSize)
  const latencies = new Float64Array(batches)
  const start = performance.now()
  for (let index = 0; index < batches; index++) {
    const batchStart = performance.now()
    batch(batchSize)
    latencies[index] = performance.now() - batchStart
  }
  return summarize(latencies, batches * batchSize, performance.now() - start)
}

function summarize(latencies: Float64Array, operations: number, elapsedMs: number): LoadSample {
  latencies.sort()
  return {
    perSecond: (operations / elapsedMs) * 1000,
    seconds: elapsedMs / 1000,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    maxMs: percentile(latencies, 1),
  }
}
