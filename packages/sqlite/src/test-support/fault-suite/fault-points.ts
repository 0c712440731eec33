/** The places where a process of the fault suite can be ended: around every call of a store, and around every statement. */

import { writeSync } from 'node:fs'
import { DatabaseSync, StatementSync } from 'node:sqlite'
import type { EventBatch, EventStore, ProgressStore, ViewStore } from '@cim/core'

/** Where a process ends, or stops until it is continued. */
export interface Fault {
  /** One of {@link faultPoints}. */
  readonly point: string
  /** When it is reached for the how manieth time, from 1. */
  readonly occurrence: number
  readonly signal: 'SIGKILL' | 'SIGSTOP'
}

const storeCalls = [
  ...['headPosition', 'loadEvents', 'appendEvents', 'findCommand', 'nextBatch'].map((name) => `eventStore.${name}`),
  ...['openView', 'getCheckpoint', 'getMany', 'find', 'commit', 'listViews', 'promoteView', 'dropView', 'close'].map(
    (name) => `viewStore.${name}`,
  ),
  ...['claimProcessor', 'readProgress', 'renewClaim', 'releaseClaim', 'saveProgress', 'listDeadLetters'].map(
    (name) => `progressStore.${name}`,
  ),
  ...['retryDeadLetters', 'discardDeadLetters', 'setPaused'].map((name) => `progressStore.${name}`),
]
const statements = ['BEGIN', 'COMMIT', 'INSERT', 'UPDATE', 'DELETE', 'SELECT', 'CREATE', 'DROP'].map(
  (verb) => `sql.${verb}`,
)
const handlers = ['ledger', 'watcher', 'letters'].map((name) => `handler.${name}`)

/** The name of every point: before and after each call, each statement, and each effect of a handler. */
export const faultPoints: readonly string[] = [...storeCalls, ...statements, ...handlers].flatMap((name) => [
  `${name}:before`,
  `${name}:after`,
])

/** Counts the points that a process reaches, and ends it at the one that is planned. */
export class FaultPoints {
  readonly #fault: Fault | undefined
  #count = 0

  constructor(fault: Fault | undefined) {
    this.#fault = fault
  }

  /** @param name does not return when it is the point where the process ends */
  reach(name: string): void {
    const fault = this.#fault
    if (fault === undefined || name !== fault.point || ++this.#count !== fault.occurrence) return
    writeSync(1, `reached ${name}\n`)
    process.kill(process.pid, fault.signal)
  }

  /** From here on, every SQL statement of this process is a point. */
  watchStatements(): void {
    const reach = (moment: string, sql: string): void => this.reach(`sql.${verbOf(sql)}:${moment}`)
    for (const name of ['run', 'get', 'all'] as const) {
      const original = StatementSync.prototype[name] as (...parameters: unknown[]) => unknown
      Object.defineProperty(StatementSync.prototype, name, {
        value(this: StatementSync, ...parameters: unknown[]): unknown {
          const sql = this.sourceSQL
          reach('before', sql)
          const result = original.apply(this, parameters)
          reach('after', sql)
          return result
        },
      })
    }
    const { exec } = DatabaseSync.prototype
    Object.defineProperty(DatabaseSync.prototype, 'exec', {
      value(this: DatabaseSync, sql: string): void {
        reach('before', sql)
        exec.call(this, sql)
        reach('after', sql)
      },
    })
  }

  eventStore(store: EventStore): EventStore {
    return this.#wrap('eventStore', store, {
      subscribe: (patterns, options) => this.#watch(store.subscribe(patterns, options)),
    })
  }

  progressStore(store: ProgressStore): ProgressStore {
    return this.#wrap('progressStore', store, {})
  }

  viewStore(store: ViewStore): ViewStore {
    return this.#wrap('viewStore', store, { progressStore: this.progressStore(store.progressStore) })
  }

  async *#watch(batches: AsyncIterable<EventBatch>): AsyncGenerator<EventBatch> {
    this.reach('eventStore.nextBatch:before')
    for await (const batch of batches) {
      this.reach('eventStore.nextBatch:after')
      yield batch
      this.reach('eventStore.nextBatch:before')
    }
  }

  #wrap<TTarget extends object>(subject: string, target: TTarget, instead: Partial<TTarget>): TTarget {
    return new Proxy(target, {
      get: (_, name) => {
        if (name in instead) return instead[name as keyof TTarget]
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        return async (...args: unknown[]): Promise<unknown> => {
          this.reach(`${subject}.${String(name)}:before`)
          const result: unknown = await value.apply(target, args)
          this.reach(`${subject}.${String(name)}:after`)
          return result
        }
      },
    })
  }
}

function verbOf(sql: string): string {
  return /^\s*(\w+)/.exec(sql)?.[1]?.toUpperCase() ?? ''
}
