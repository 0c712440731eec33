/** How the bucket must be set up so that it loses no progress, and what is wrong with one that is set up otherwise. */

import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig } from '@nats-io/jetstream'
import type { StreamDifference } from '../stream/stream-difference.ts'
import {
  brokenRules,
  type Rule,
  type StreamSettings,
  serverRule,
  type WantedStream,
} from '../stream/stream-settings.ts'

/** The settings that `allowUnsafe` may name: those with which the store works, though not as safely. */
export const acceptableBucketSettings: readonly string[] = [
  'storage',
  'retention',
  'discard',
  'max_age',
  'max_bytes',
  'max_msgs',
  'max_msg_size',
  'allow_msg_ttl',
  'replicas',
]

/** The least `max_msg_size`: records are small, what is larger is cut to fit. */
const leastMessageBytes = 65_536

/** @returns the settings of a bucket as `nats kv` knows it, with atomic batches besides */
export function bucketSettings({ name, subjects, replicas }: WantedStream): StreamSettings {
  return {
    name,
    subjects: [...subjects],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    num_replicas: replicas,
    max_age: 0,
    max_bytes: -1,
    max_msgs: -1,
    max_msgs_per_subject: 1,
    max_msg_size: -1,
    allow_direct: true,
    allow_atomic: true,
    allow_rollup_hdrs: true,
    deny_delete: true,
    // Repeats are recognised by the record itself; a window of message ids would only take memory.
    duplicate_window: 1_000_000_000,
  }
}

/**
 * @param config the bucket's
 * @param wanted what the store wants of it
 * @param serverVersion as the server names it, for instance 2.15.1
 */
export function compareBucket(
  config: StreamConfig,
  wanted: WantedStream,
  serverVersion: string,
): readonly StreamDifference[] {
  const [lost, full] = ['progress is deleted when the limit is reached', 'saves are refused when the limit is reached']
  const impossible = (setting: keyof StreamConfig, expected: boolean, risk: string): Rule => {
    return { setting, expected, found: config[setting], risk, isImpossible: true }
  }
  return brokenRules([
    serverRule(serverVersion),
    {
      setting: 'subjects',
      expected: wanted.subjects.join(', '),
      found: (config.subjects ?? []).join(', '),
      isGood: wanted.subjects.every((subject) => config.subjects?.includes(subject)),
      risk: 'progress is not stored',
      isImpossible: true,
    },
    impossible('allow_atomic', true, 'a step cannot be saved whole'),
    impossible('allow_direct', true, 'dead letters cannot be read'),
    impossible('sealed', false, 'nothing can be saved'),
    impossible('discard_new_per_subject', false, 'nothing can be saved a second time'),
    {
      setting: 'subject_transform',
      expected: 'none',
      found: config.subject_transform === undefined ? 'none' : 'one',
      risk: 'progress is stored under other keys than it is read',
      isImpossible: true,
    },
    { setting: 'storage', expected: 'file', found: config.storage, risk: 'progress is gone when the servers stop' },
    {
      setting: 'retention',
      expected: 'limits',
      found: config.retention,
      risk: 'progress is deleted once it was consumed',
    },
    {
      setting: 'discard',
      expected: 'new',
      found: config.discard,
      risk: 'the progress of processors that stand still is deleted to make room, and their effects are repeated',
      // Together with a limit, that is no risk but sure to come.
      isImpossible: config.max_bytes > 0 || config.max_msgs > 0,
    },
    { setting: 'max_age', expected: 0, found: config.max_age, risk: lost },
    { setting: 'max_bytes', expected: -1, found: config.max_bytes, risk: full },
    { setting: 'max_msgs', expected: -1, found: config.max_msgs, risk: full },
    {
      setting: 'max_msg_size',
      expected: `-1, or at least ${leastMessageBytes} if accepted`,
      found: config.max_msg_size,
      isGood: config.max_msg_size <= 0,
      risk: 'saves are refused whose record is larger',
      isImpossible: config.max_msg_size < leastMessageBytes,
    },
    {
      setting: 'allow_msg_ttl',
      expected: false,
      found: (config as { allow_msg_ttl?: boolean }).allow_msg_ttl,
      risk: 'progress can be deleted after a time',
    },
    {
      setting: 'replicas',
      expected: wanted.replicas,
      found: config.num_replicas,
      isGood: config.num_replicas >= wanted.replicas,
      risk: 'fewer servers than wanted may be lost before progress is',
    },
  ])
}
