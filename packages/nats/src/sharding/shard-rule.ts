/** Which aggregate is in which shard. */

import { crc32 } from 'node:zlib'
import type { AggregateRef } from '@cim/core'

/** What decides it: type and id of the aggregate, or its type alone. */
export type ShardBy = 'aggregate-id' | 'aggregate-type'

/** The same for every process and for ever, or events of one aggregate would be looked for where they are not. */
export class ShardRule {
  readonly shards: number
  readonly by: ShardBy

  constructor(shards: number, by: ShardBy) {
    this.shards = shards
    this.by = by
  }

  /** @returns a number from 0 on */
  shardOf({ aggregateType, aggregateId }: AggregateRef): number {
    return crc32(this.by === 'aggregate-type' ? aggregateType : `${aggregateType} ${aggregateId}`) % this.shards
  }

  /**
   * @param aggregateType when only events of this type are wanted
   * @param subjectPatterns when only events on these subjects are wanted
   * @returns the shards in which such events can be, undefined for all
   */
  shardsOf(aggregateType?: string, subjectPatterns?: string | readonly string[]): ReadonlySet<number> | undefined {
    if (this.by !== 'aggregate-type') return undefined
    if (aggregateType !== undefined) return new Set([this.shardOf({ aggregateType, aggregateId: '' })])
    const types = [subjectPatterns ?? '>'].flat().map((pattern) => pattern.split('.')[1])
    if (types.some((type) => type === undefined || type === '*' || type === '>')) return undefined
    return new Set(types.map((type = '') => this.shardOf({ aggregateType: type, aggregateId: '' })))
  }
}
