/** How a stream must be set up so that it loses nothing, and what is wrong with one that is set up otherwise. */

import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig } from '@nats-io/jetstream'
import type { StreamDifference } from './stream-difference.ts'

/** What the store wants of its stream. */
export interface WantedStream {
  readonly name: string
  readonly subjects: readonly string[]
  readonly replicas: number
}

/** The server that has atomic batches. */
const leastVersion = [2, 12] as const

/** Settings of a stream that is made. */
export type StreamSettings = Partial<StreamConfig> & { readonly name: string }

/** @returns the settings of a stream that can lose nothing but what its disks lose */
export function streamSettings({ name, subjects, replicas }: WantedStream): StreamSettings {
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
    discard_new_per_subject: true,
    allow_direct: true,
    allow_atomic: true,
    deny_delete: true,
    deny_purge: true,
    // Repeats are recognised by the version check, at any age; a window of message ids would only take memory.
    duplicate_window: 1_000_000_000,
  }
}

/** What a setting should be, and what may happen otherwise. */
export interface Rule {
  readonly setting: string
  readonly expected: string | number | boolean
  readonly found: unknown
  readonly risk: string
  readonly isImpossible?: boolean
  readonly isGood?: boolean
}

/**
 * @param config the stream's
 * @param wanted what the store wants of it
 * @param serverVersion as the server names it, for instance 2.15.1
 */
export function compareStream(
  config: StreamConfig,
  wanted: WantedStream,
  serverVersion: string,
): readonly StreamDifference[] {
  const expiring = 'events are deleted when the limit is reached'
  const rules: readonly Rule[] = [
    serverRule(serverVersion),
    {
      setting: 'subjects',
      expected: wanted.subjects.join(', '),
      found: (config.subjects ?? []).join(', '),
      isGood: wanted.subjects.every((subject) => config.subjects?.includes(subject)),
      risk: 'events are not stored',
      isImpossible: true,
    },
    {
      setting: 'allow_atomic',
      expected: true,
      found: config.allow_atomic,
      risk: 'several events cannot be stored together',
      isImpossible: true,
    },
    {
      setting: 'allow_direct',
      expected: true,
      found: config.allow_direct,
      risk: 'aggregates cannot be loaded',
      isImpossible: true,
    },
    { setting: 'sealed', expected: false, found: config.sealed, risk: 'nothing can be appended', isImpossible: true },
    {
      setting: 'subject_transform',
      expected: 'none',
      found: config.subject_transform === undefined ? 'none' : 'one',
      risk: 'events are stored under other subjects than the version check looks at',
      isImpossible: true,
    },
    { setting: 'storage', expected: 'file', found: config.storage, risk: 'events are gone when the servers stop' },
    {
      setting: 'retention',
      expected: 'limits',
      found: config.retention,
      risk: 'events are deleted once they were consumed',
    },
    { setting: 'discard', expected: 'new', found: config.discard, risk: 'the oldest events are deleted to make room' },
    { setting: 'max_age', expected: 0, found: config.max_age, risk: expiring },
    {
      setting: 'max_bytes',
      expected: -1,
      found: config.max_bytes,
      risk: 'appends are refused, or events deleted, when the limit is reached',
    },
    {
      setting: 'max_msgs',
      expected: -1,
      found: config.max_msgs,
      risk: 'appends are refused, or events deleted, when the limit is reached',
    },
    {
      setting: 'max_msgs_per_subject',
      expected: 1,
      found: config.max_msgs_per_subject,
      risk: 'an event may be stored twice',
    },
    {
      setting: 'discard_new_per_subject',
      expected: true,
      found: config.discard_new_per_subject,
      risk: 'an event may be replaced',
    },
    { setting: 'deny_delete', expected: true, found: config.deny_delete, risk: 'single events can be deleted' },
    { setting: 'deny_purge', expected: true, found: config.deny_purge, risk: 'all events can be deleted at once' },
    {
      setting: 'allow_rollup_hdrs',
      expected: false,
      found: config.allow_rollup_hdrs,
      risk: 'a message can delete all before it',
    },
    {
      setting: 'allow_msg_ttl',
      expected: false,
      found: (config as { allow_msg_ttl?: boolean }).allow_msg_ttl,
      risk: 'a message can be deleted after a time',
    },
    {
      setting: 'replicas',
      expected: wanted.replicas,
      found: config.num_replicas,
      isGood: config.num_replicas >= wanted.replicas,
      risk: 'fewer servers than wanted may be lost before events are',
    },
  ]
  return brokenRules(rules)
}

/** @returns those that are broken, for an error */
export function brokenRules(rules: readonly Rule[]): readonly StreamDifference[] {
  return rules.filter(isBroken).map(({ setting, expected, found, risk, isImpossible = false }) => {
    return { setting, expected: String(expected), found: String(found), risk, isImpossible }
  })
}

/** @param version as the server names it @returns the rule that it has atomic batches */
export function serverRule(version: string): Rule {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isGood = major > leastVersion[0] || (major === leastVersion[0] && minor >= leastVersion[1])
  return {
    setting: 'server_version',
    expected: `${leastVersion.join('.')} or later`,
    found: version,
    isGood,
    risk: 'several events cannot be stored together',
    isImpossible: true,
  }
}

/** A setting that is not named has its zero value. */
function isBroken({ expected, found, isGood }: Rule): boolean {
  if (isGood !== undefined) return !isGood
  return expected !== (found ?? (expected === false ? false : found))
}
