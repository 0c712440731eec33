/** What a process of the fault suite does in its life, computed from a seed. */

import { seededRandom } from '../seeded-random.ts'
import { type Fault, faultPoints } from './fault-points.ts'
import type { RecordData } from './ledger.ts'

/** What an operator does while the process works. */
export type Action =
  | 'rebuild'
  | 'promote'
  | 'rollback'
  | 'drop'
  | 'retry'
  | 'discard'
  | 'discard-first'
  | 'pause'
  | 'slow-transaction'

/** One process from its start to its end. */
export interface Life {
  readonly seed: number
  /** From 1; each works on what the ones before have left. */
  readonly number: number
  readonly actions: readonly Action[]
  /** None: it mends everything, finishes all work and ends by itself. */
  readonly fault?: Fault
}

/** A command of a writer. */
export interface PlannedCommand {
  readonly commandId: string
  readonly aggregateId: string
  readonly data: RecordData
}

export const writersPerLife = 3
const commandsPerWriter = 5
const moreActions: readonly Action[] = ['retry', 'discard', 'discard-first', 'pause', 'slow-transaction', 'rebuild']

/** @param turn how many kills there were before: each point has its turn */
export function planLife(seed: number, number: number, turn: number): Life {
  const random = seededRandom(seed * 1000 + number)
  const point = faultPoints[turn % faultPoints.length] ?? ''
  const occurrence = 1 + random(usualOccurrences(point))
  const others = moreActions.filter(() => random(4) === 0)
  const actions = [...actionsFor(point), ...others, ...(random(3) === 0 ? (['promote', 'drop'] as const) : [])]
  return { seed, number, actions, fault: { point, occurrence, signal: 'SIGKILL' } }
}

/** @returns the same commands whenever it is asked */
export function commandsOf({ seed, number }: Life, writer: number): readonly PlannedCommand[] {
  const random = seededRandom(seed * 7919 + number * 31 + writer)
  return Array.from({ length: commandsPerWriter }, (_, index) => {
    const kind = random(20)
    const eventType = kind < 13 ? 'Added' : kind < 16 ? 'Poisoned' : kind < 17 ? 'Hung' : 'Ignored'
    const isLarge = eventType === 'Added' && random(100) === 0
    const failures = random(4) === 0 ? 1000 : 1 + random(2)
    return {
      commandId: `c-${number}-${writer}-${index}`,
      aggregateId: `a-${number + random(12)}`,
      data: { eventType, size: isLarge ? 250 : 1 + random(3), group: `g-${random(3)}`, failures },
    }
  })
}

/** How often a point is reached in a life, at least about. */
function usualOccurrences(point: string): number {
  if (/^sql.(SELECT|INSERT|UPDATE)/.test(point)) return 80
  if (/^sql.(BEGIN|COMMIT)/.test(point)) return 40
  if (/^(handler|viewStore.(commit|getMany|find)|eventStore.(nextBatch|headPosition))/.test(point)) return 15
  if (/^(progressStore.saveProgress|eventStore.(appendEvents|loadEvents))/.test(point)) return 5
  return /^(viewStore.(listViews|openView)|progressStore.(claim|read|list))/.test(point) ? 4 : 1
}

/** What must be done for a point to be reached. */
function actionsFor(point: string): readonly Action[] {
  if (/promoteView/.test(point)) return ['rebuild', 'promote', 'rollback']
  if (/dropView|DROP|DELETE/.test(point)) return ['rebuild', 'promote', 'drop']
  if (/retryDeadLetters/.test(point)) return ['retry']
  if (/discardDeadLetters/.test(point)) return ['discard', 'discard-first']
  return /setPaused|releaseClaim/.test(point) ? ['pause'] : []
}
