/** Helpers that the progress store tests share. */

import {
  type DeadLetterChange,
  type DeadLetterSequence,
  nothingSeen,
  type ProcessorClaim,
  type ProgressSave,
  type ProgressStore,
} from '@cim/core'
import { present } from '../conformance/assertions.ts'

/** The processor that most tests are about. */
export const processorName = 'PersonView@1'

/** When the suite's clock begins. */
export const startTime: number = Date.UTC(2026, 0, 1)

export const leaseMs = 10_000

/**
 * @param name of the processor
 * @param owner who asks
 * @param now milliseconds since 1970
 * @returns undefined while somebody else has it
 */
export function tryClaim(
  store: ProgressStore,
  name: string = processorName,
  owner = 'first',
  now: number = startTime,
): Promise<ProcessorClaim | undefined> {
  return store.claimProcessor(name, { owner, now, leaseMs })
}

/** Like {@link tryClaim}, of a processor that is free. */
export async function claim(
  store: ProgressStore,
  name?: string,
  owner?: string,
  now?: number,
): Promise<ProcessorClaim> {
  return present(await tryClaim(store, name, owner, now))
}

/** @returns a step from the beginning to position 1 that changes nothing else, with the given differences */
export function step(of: ProcessorClaim, differences: Partial<ProgressSave> = {}): ProgressSave {
  return {
    claim: of,
    expectedPosition: 0,
    expectedRevision: 0,
    position: 1,
    seen: nothingSeen,
    leaseUntil: startTime + leaseMs,
    deadLetters: [],
    ...differences,
  }
}

/** @returns the events 3 to 7 of a person, the first of which has failed twice, with the given differences */
export function deadLetter(
  aggregateId: string,
  differences: Partial<DeadLetterSequence> = {},
  name: string = processorName,
): DeadLetterSequence {
  return {
    processorName: name,
    aggregateType: 'Person',
    aggregateId,
    state: 'parked',
    fromSequence: 3,
    fromPosition: 30,
    toSequence: 7,
    toPosition: 70,
    eventCount: 5,
    attempts: 2,
    failure: { name: 'TypeError', message: 'x is undefined', eventId: 'e-3', eventType: 'PersonMoved' },
    firstFailedAt: '2026-01-01T00:00:01.000Z',
    lastFailedAt: '2026-01-01T00:00:02.000Z',
    nextAttemptAt: undefined,
    ...differences,
  }
}

/** @returns changes that put sequences */
export function puts(...sequences: readonly DeadLetterSequence[]): readonly DeadLetterChange[] {
  return sequences.map((sequence) => ({ kind: 'put', sequence }))
}

/** Claims a processor, and saves dead letters as its first step. @returns the claim */
export async function park(store: ProgressStore, ...sequences: readonly DeadLetterSequence[]): Promise<ProcessorClaim> {
  const claimed = await claim(store, sequences[0]?.processorName)
  await store.saveProgress(step(claimed, { deadLetters: puts(...sequences) }))
  return claimed
}

/** @returns the aggregates that are held back, in the order of the store */
export async function heldIds(
  store: ProgressStore,
  options?: Parameters<ProgressStore['listDeadLetters']>[1],
): Promise<readonly string[]> {
  const { sequences } = await store.listDeadLetters(processorName, options)
  return sequences.map(({ aggregateId }) => aggregateId)
}

/** @returns everything that the store shows of a processor */
export async function visibleProgress(store: ProgressStore, name: string = processorName): Promise<unknown> {
  return {
    progress: await store.readProgress(name),
    deadLetters: await store.listDeadLetters(name, { limit: 1000 }),
    counts: await store.countDeadLetters(name),
    discarded: await store.listDiscarded(name, 1000),
  }
}
