/** A domain for queued commands, what each process sends, and where it ends. */

import { type AggregateDefinition, type Command, defineAggregate, event, reject, type Schema } from '@cim/core'
import type { Fault } from '../fault-suite/fault-points.ts'
import { seededRandom } from '../seeded-random.ts'

interface Count {
  readonly isRefused: boolean
}

const counted: Schema<Count> = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as Count }) },
}

/** Counts its commands, but for those that ask to be refused. */
export const counter = defineAggregate('Counter', {
  events: { Counted: counted },
  commands: { Count: counted },
  initialState: { count: 0 },
  decide: {
    Count: (_, { data }) => (data.isRefused ? reject('refused', 'It asked for that.') : [event('Counted', data)]),
  },
  apply: { Counted: ({ count }) => ({ count: count + 1 }) },
})

export const counterDefinition: AggregateDefinition = counter as unknown as AggregateDefinition

/** One process from its start to its end. */
export interface QueueLife {
  readonly seed: number
  /** From 1; each works on what the ones before have left. */
  readonly number: number
  /** None: it finishes all work and ends by itself. */
  readonly fault?: Fault
}

const commandsPerLife = 16

/** @returns the same commands whenever it is asked */
export function commandsOf(seed: number, number: number): readonly Command[] {
  const random = seededRandom(seed * 7919 + number)
  return Array.from({ length: commandsPerLife }, (_, index) =>
    counter.command(
      'Count',
      { isRefused: random(5) === 0 },
      { commandId: `c-${number}-${index}`, aggregateId: counter.id(`a-${random(4)}`) },
    ),
  )
}

/** Points that are reached while commands are queued, executed and noted, and about how often at least in a life. */
const points: readonly (readonly [name: string, occurrences: number])[] = [
  ['eventStore.appendEvents', 30],
  ['eventStore.recordCommand', 3],
  ['eventStore.loadEvents', 20],
  ['eventStore.findCommand', 16],
  ['eventStore.nextBatch', 8],
  ['progressStore.saveProgress', 3],
  ['progressStore.claimProcessor', 1],
  ['sql.BEGIN', 20],
  ['sql.COMMIT', 20],
  ['sql.INSERT', 60],
  ['sql.UPDATE', 5],
]

/** @param number from 1: each point has its turn */
export function planLife(seed: number, number: number): QueueLife {
  const random = seededRandom(seed * 1000 + number)
  const [name, occurrences] = points[(seed + number) % points.length] ?? ['', 1]
  const point = `${name}:${random(2) === 0 ? 'before' : 'after'}`
  return { seed, number, fault: { point, occurrence: 1 + random(occurrences), signal: 'SIGKILL' } }
}
