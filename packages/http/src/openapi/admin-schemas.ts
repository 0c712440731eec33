/** Schemas of what is under `/admin`. */

import { sagaSchemas } from './saga-schemas.ts'
import { amount, flag, listOf, object, ref, text, timestamp, whole } from './schema-parts.ts'
import type { JsonSchema } from './schemas.ts'

const sequence = {
  processorName: text,
  aggregateType: text,
  aggregateId: text,
  state: { enum: ['retrying', 'parked'] },
  fromSequence: whole,
  fromPosition: whole,
  toSequence: whole,
  toPosition: whole,
  eventCount: whole,
  attempts: whole,
  failure: object({ name: text, message: text, code: text, stack: text, eventId: text, eventType: text }, [
    'code',
    'stack',
  ]),
  firstFailedAt: timestamp,
  lastFailedAt: timestamp,
  nextAttemptAt: timestamp,
}

/** Properties of a filter for dead letters. */
export const filterProperties: Readonly<Record<string, JsonSchema>> = {
  aggregateType: text,
  aggregateId: text,
  state: { enum: ['retrying', 'parked'] },
  eventType: { ...text, description: 'Of the event that failed.' },
  failureName: { ...text, description: "Name of the error's class." },
}

/** By component name. */
export const adminSchemas: Readonly<Record<string, JsonSchema>> = {
  ...sagaSchemas,
  SeenEvents: object({ count: whole, checksum: whole }),
  DeadLetterCounts: object({ retryingSequences: whole, parkedSequences: whole, events: whole }),
  Processor: object(
    {
      processorName: text,
      state: { enum: ['stopped', 'waiting', 'running', 'retrying', 'paused'] },
      position: whole,
      headPosition: whole,
      lagEvents: whole,
      lagSeconds: amount,
      eventsPerSecond: amount,
      inFlightEvents: whole,
      processedEvents: whole,
      failures: whole,
      failedAttempts: whole,
      lastError: text,
      waitingFor: {
        ...object({ step: text, since: timestamp }),
        description: 'A store, or a handler, that it waits for.',
      },
      isPaused: flag,
      owner: { ...text, description: 'Of the runner that has it, in whatever process.' },
      epoch: whole,
      replayUntil: whole,
      seen: ref('SeenEvents'),
      seenAfter: whole,
      deadLetters: ref('DeadLetterCounts'),
    },
    ['lastError', 'waitingFor', 'owner'],
  ),
  Processors: object({ processors: listOf(ref('Processor')) }),
  ProcessorAudit: object({
    processorName: text,
    verdict: { enum: ['complete', 'partly-recorded', 'not-recorded', 'mismatch'] },
    message: text,
    afterPosition: whole,
    position: whole,
    recorded: ref('SeenEvents'),
    expected: ref('SeenEvents'),
    suspectPositions: listOf(whole),
    heldBack: ref('DeadLetterCounts'),
    discardedEvents: whole,
  }),
  ViewBuildKey: object({ key: text }),
  ViewBuilds: object({
    builds: listOf(
      object(
        {
          key: { ...text, description: 'Also the name of the processor that keeps it.' },
          viewName: text,
          version: whole,
          build: whole,
          state: { enum: ['building', 'live', 'retired'] },
          checkpoint: whole,
          promotedAt: timestamp,
          promotion: { ...whole, description: 'Rises with each promotion: the highest one is live.' },
          etaSeconds: amount,
          processor: object({
            state: text,
            position: whole,
            headPosition: whole,
            lagEvents: whole,
            eventsPerSecond: amount,
          }),
        },
        ['promotedAt', 'promotion', 'etaSeconds', 'processor'],
      ),
    ),
  }),
  ViewComparison: object({
    live: text,
    other: text,
    documents: object({ live: whole, other: whole }),
    compared: whole,
    different: whole,
    examples: listOf(
      object({
        id: text,
        differences: listOf(
          object({ pointer: text, kind: { enum: ['added', 'removed', 'changed'] }, before: {}, after: {} }, [
            'before',
            'after',
          ]),
        ),
      }),
    ),
  }),
  DeadLetterSequence: object(sequence, ['nextAttemptAt']),
  DeadLetterPage: object({ sequences: listOf(ref('DeadLetterSequence')), next: text }, ['next']),
  DeadLetterDetail: object(
    { sequence: ref('DeadLetterSequence'), events: listOf(ref('DomainEventEnvelope')), next: whole },
    ['next'],
  ),
  DeadLetterOutcome: object(
    { dryRun: flag, sequenceCount: whole, eventCount: whole, sequences: listOf(ref('DeadLetterSequence')) },
    ['eventCount', 'sequences'],
  ),
  DiscardedDeadLetters: object({
    discarded: listOf(
      object({ ...sequence, reason: text, discardedBy: text, discardedAt: timestamp }, [
        'nextAttemptAt',
        'discardedBy',
      ]),
    ),
  }),
}
