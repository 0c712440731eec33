/** Stores of a process that stands still whenever a test wants it, as one does whose machine sleeps. */

import { type EventBatch, type EventStore, isCimError } from '@cim/core'
import type { ProcessStores } from './processing-place.ts'

/** A call that was refused. */
export interface Refusal {
  readonly method: string
  readonly code: string
}

type Method = (...given: unknown[]) => unknown

/** While it is frozen, no call reaches a store, and no answer comes back; afterwards all of them do. */
export class FrozenStores {
  /** Calls that ended with an error, in order. */
  readonly refusals: Refusal[] = []
  #ice: PromiseWithResolvers<void> | undefined
  #freezesAt: ((method: string) => boolean) | undefined
  /** Calls that have reached a store, which has not answered yet. */
  #underWay = 0

  /** True when nothing of it is under way to a store any more, either. */
  get isFrozen(): boolean {
    return this.#ice !== undefined && this.#underWay === 0
  }

  freeze(): void {
    this.#ice ??= Promise.withResolvers<void>()
  }

  thaw(): void {
    this.#freezesAt = undefined
    this.#ice?.resolve()
    this.#ice = undefined
  }

  /** Freezes when a method is called next: the call itself arrives once it has thawed. */
  freezeAt(method: string): void {
    this.#freezesAt = (called) => called === method
  }

  /** Freezes after so many more calls. */
  freezeAfter(calls: number): void {
    let left = calls
    this.#freezesAt = () => left-- <= 0
  }

  wrap({ eventStore, viewStore, progressStore, close }: ProcessStores): ProcessStores {
    const [events, views] = [this.#wrap(eventStore), this.#wrap(viewStore)]
    return {
      eventStore: events,
      viewStore: views,
      ...(progressStore && { progressStore: this.#wrap(progressStore) }),
      close,
    }
  }

  #wrap<TStore extends object>(store: TStore): TStore {
    const nested = new Map<PropertyKey, object>()
    return new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target)
        if (name === 'subscribe') {
          const events = target as unknown as EventStore
          return (...request: Parameters<EventStore['subscribe']>) => this.#subscribe(events, request)
        }
        if (typeof value === 'function') return this.#method(target, String(name), value as Method)
        if (name !== 'progressStore') return value
        if (!nested.has(name)) nested.set(name, this.#wrap(value as object))
        return nested.get(name)
      },
    })
  }

  #method(target: object, name: string, method: Method) {
    return (...given: unknown[]): unknown => {
      if (this.#freezesAt?.(name) === true) {
        this.#freezesAt = undefined
        this.freeze()
      }
      const call = () => this.#counted(method.apply(target, given))
      const result = this.#ice === undefined ? call() : this.#later(call)
      return result instanceof Promise ? this.#answer(name, result) : result
    }
  }

  async #later(call: () => unknown): Promise<unknown> {
    await this.#ice?.promise
    return call()
  }

  #counted(result: unknown): unknown {
    if (!(result instanceof Promise)) return result
    this.#underWay++
    return result.finally(() => this.#underWay--)
  }

  async #answer(method: string, result: Promise<unknown>): Promise<unknown> {
    try {
      return await result
    } catch (error) {
      this.refusals.push({ method, code: isCimError(error) ? error.code : String(error) })
      throw error
    } finally {
      await this.#ice?.promise
    }
  }

  async *#subscribe(
    store: Pick<EventStore, 'subscribe'>,
    request: Parameters<EventStore['subscribe']>,
  ): AsyncGenerator<EventBatch> {
    for await (const batch of store.subscribe(...request)) {
      await this.#ice?.promise
      yield batch
    }
  }
}
