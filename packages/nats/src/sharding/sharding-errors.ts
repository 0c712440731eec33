/** What can be wrong with an append that was stored. */

import { type AggregateRef, StoreCorruptError, StoreUnavailableError } from '@cim/core'

/** The events of an append are stored, and have no position yet. */
export function unplaced({ aggregateType, aggregateId }: AggregateRef, cause: Error): Error {
  return new StoreUnavailableError(
    `JetStream: the events of an append to ${aggregateType} ${JSON.stringify(aggregateId)} are stored, but have no position yet, because the ` +
      'order log did not answer. They get one as soon as anybody reads or appends. Repeat the append with the same command or the same event ' +
      `ids and the same expected version to learn it: that is safe, and stores nothing twice. ${cause.message}`,
    { cause },
  )
}

/** @param covered how many places of the stream had positions @param place that it gave out again */
export function lostEvents(streamName: string, covered: number, place: number): StoreCorruptError {
  return new StoreCorruptError(
    `JetStream: the stream ${streamName} held ${covered} messages that have positions, and now gave place ${place} to a new event. The servers ` +
      'have lost events that they had acknowledged: they lost power without `sync_interval: always`, or were restored from an older copy. ' +
      'Stop, and restore what was lost or build everything anew.',
  )
}

/** @param shard a number from 0 on @param place that the order log names @param end the last place that the shard has */
export function claimOfNothing(shard: number, place: number, end: number): StoreCorruptError {
  return new StoreCorruptError(
    `JetStream: the order log names place ${place} of shard ${shard + 1}, whose stream ends at ${end}: no positions are given out from there on. Either the ` +
      'servers have lost events that they had acknowledged, or something other than this store has written to the subjects of the order log. ' +
      'Stop every process; restore what was lost, or restore the order log from a copy from before that claim.',
  )
}
