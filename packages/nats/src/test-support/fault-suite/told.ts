/** What processes of the fault suite tell, one line of JSON each. */

import type { AppendOperation, LoadOperation } from '@cim/testing'

/** An append that ended, with the places of its events when they were stored. */
export interface ToldAppend extends AppendOperation {
  readonly positions?: readonly number[]
}

/** What a process was told of a command. */
export interface ToldCommand {
  readonly kind: 'command'
  readonly aggregate: string
  readonly commandId: string
  readonly status: 'Accepted' | 'Rejected'
  readonly version: number
}

export type Told = ToldAppend | LoadOperation | ToldCommand

/** What a busy process is started with. */
export interface BusyOptions {
  readonly servers: readonly string[]
  readonly streamName: string
  readonly subjectPrefix: string
  /** In front of the ids of its events. */
  readonly name: string
  readonly seed: number
  /** How many aggregates all processes work on. */
  readonly shared: number
  /** Aggregates with so many events are left for new ones. */
  readonly mostEvents: number
  readonly giveUpAfterMs: number
  readonly requestTimeoutMs: number
}
