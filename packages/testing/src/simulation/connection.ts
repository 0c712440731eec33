/** The way from one runner to the stores, on which calls fail, are late, or never come back. */

import type { EventBatch, EventStore, ProgressStore, ViewStore } from '@cim/core'
import type { Chance, VirtualTime } from './virtual-time.ts'

/** What the connections of a simulation share. */
export interface Weather {
  readonly time: VirtualTime
  readonly chance: Chance
  /** How likely it is that a call fails, from 0 to 1; 0 when faults have ended. */
  faultRate: number
}

const storeMethods = [
  'openView',
  'getCheckpoint',
  'getMany',
  'find',
  'commit',
  'claimProcessor',
  'renewClaim',
  'releaseClaim',
  'readProgress',
  'listDeadLetters',
  'headPosition',
  'loadEvents',
]
/** Calls that may take effect after whoever called was told that they failed. */
const changes = ['commit', 'claimProcessor', 'renewClaim', 'releaseClaim']

/** What a runner sees of the stores. */
export class Connection {
  readonly #weather: Weather
  #isCrashed = false
  #frozenUntil = 0

  constructor(weather: Weather) {
    this.#weather = weather
  }

  /** From now on nothing comes back; what is under way may still arrive. */
  crash(): void {
    this.#isCrashed = true
  }

  /** Nothing passes for a while, then everything does. */
  freeze(durationMs: number): void {
    this.#frozenUntil = this.#weather.time.now() + durationMs
  }

  eventStore(store: EventStore): EventStore {
    return this.#wrap(store, { subscribe: (...request) => this.#subscribe(store.subscribe(...request)) })
  }

  viewStore(store: ViewStore): ViewStore {
    return this.#wrap<ViewStore>(store, { progressStore: this.#wrap<ProgressStore>(store.progressStore, {}) })
  }

  #wrap<TStore extends object>(store: TStore, others: Partial<TStore>): TStore {
    const wrapped = new Map<PropertyKey, unknown>(Object.entries(others))
    return new Proxy(store, {
      get: (_, name) => {
        if (wrapped.has(name)) return wrapped.get(name)
        const value: unknown = Reflect.get(store, name, store)
        if (typeof value !== 'function') return value
        const method = value.bind(store) as (...input: unknown[]) => Promise<unknown>
        const isCalled = storeMethods.includes(String(name))
        const call = (...input: unknown[]) => this.#call(String(name), () => method(...input))
        wrapped.set(name, isCalled ? call : method)
        return wrapped.get(name)
      },
    })
  }

  async #call<TResult>(name: string, work: () => Promise<TResult>): Promise<TResult> {
    const { chance, faultRate, time } = this.#weather
    if (this.#isCrashed) return never()
    const isFrozen = time.now() < this.#frozenUntil
    if (isFrozen) await time.sleep(this.#frozenUntil - time.now())
    else if (chance.is(faultRate * 2)) await time.sleep(chance.between(0, chance.oneOf([5, 40, 500])))
    if (this.#isCrashed && chance.is(0.5)) return never()
    const fault = chance.is(faultRate) ? chance.oneOf(['before', 'after', 'late']) : 'none'
    if (fault === 'late' && changes.includes(name)) {
      const arrival = time.sleep(chance.between(1, 3000)).then(work)
      arrival.catch(() => undefined)
    }
    if (fault === 'before' || fault === 'late') throw new Error(`${name}: the connection is broken.`)
    const result = await work()
    if (this.#isCrashed) return never()
    if (fault === 'after') throw new Error(`${name}: the answer was lost.`)
    return result
  }

  #subscribe(batches: AsyncIterable<EventBatch>): AsyncIterable<EventBatch> {
    const { chance } = this.#weather
    return {
      [Symbol.asyncIterator]: () => {
        const iterator = batches[Symbol.asyncIterator]()
        return {
          next: async () => {
            // A wake-up that is lost: nothing fails, and nothing comes.
            if (chance.is(this.#weather.faultRate / 2)) return never()
            return this.#call('next', () => iterator.next())
          },
          return: async () => (await iterator.return?.()) ?? { done: true, value: undefined },
        }
      },
    }
  }
}

function never<TResult>(): Promise<TResult> {
  return new Promise<TResult>(() => undefined)
}
