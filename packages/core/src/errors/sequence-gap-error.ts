/** The error about deliveries from outside of which one is missing. */

import { CimError } from './cim-error.ts'

/** An event is missing among deliveries from outside, and nobody can bring it. What waits for it was not handed out. */
export class SequenceGapError extends CimError {
  override readonly name = 'SequenceGapError'
  readonly code = 'sequence-gap'
  readonly aggregateType: string
  readonly aggregateId: string
  readonly missingSequence: number
  /** The lowest sequence of this aggregate that waits. */
  readonly firstWaiting: number
  /** How many events of this aggregate wait. */
  readonly waitingEvents: number

  constructor(
    { aggregateType, aggregateId }: { readonly aggregateType: string; readonly aggregateId: string },
    missingSequence: number,
    waiting: { readonly first: number; readonly count: number; readonly otherAggregates: number },
    why: string,
  ) {
    const { otherAggregates: others } = waiting
    const rest = others === 0 ? '' : `, and events of ${others} other aggregate${others === 1 ? '' : 's'} wait`
    super(
      `${aggregateType} ${JSON.stringify(aggregateId)}: event ${missingSequence} is missing; ${waiting.count} from sequence ` +
        `${waiting.first} on wait for it${rest}. ${why} Nothing that waits was handed out: have the missing event ` +
        'delivered, then begin again after the last events that were processed.',
    )
    this.aggregateType = aggregateType
    this.aggregateId = aggregateId
    this.missingSequence = missingSequence
    this.firstWaiting = waiting.first
    this.waitingEvents = waiting.count
  }
}
