/** The view session as the handler of one event sees it. */

import { LateChangeError } from '../errors/processing-errors.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { ViewSession } from './view-session.ts'
import type { IndexValue, ViewRow } from './view-store.ts'
import type { Views } from './views.ts'

/** {@link Views} for as long as its handler runs. */
export class EventViews<TView> implements Views<TView> {
  readonly #session: ViewSession<TView, DomainEventEnvelope>
  readonly #viewName: string
  readonly #event: DomainEventEnvelope
  #isOver = false

  constructor(session: ViewSession<TView, DomainEventEnvelope>, viewName: string, event: DomainEventEnvelope) {
    this.#session = session
    this.#viewName = viewName
    this.#event = event
  }

  set(id: string, view: TView): void {
    this.update(id, () => view)
  }

  update(id: string, change: (view: TView | undefined) => TView | undefined): void {
    this.#assertOpen()
    this.#session.update(id, change, this.#event)
  }

  delete(id: string): void {
    this.update(id, () => undefined)
  }

  get(id: string): Promise<TView | undefined> {
    return this.#read(() => this.#session.get(id))
  }

  find(index: string, equals: IndexValue): Promise<readonly ViewRow<TView>[]> {
    return this.#read(() => this.#session.find(index, equals))
  }

  /** The handler has ended, or is given up. */
  end(): void {
    this.#isOver = true
  }

  /** A handler need not wait for what it asks: when that fails, it must not end the process as a rejection that nobody heard. */
  #read<TResult>(read: () => Promise<TResult>): Promise<TResult> {
    const reading = (async () => {
      this.#assertOpen()
      return read()
    })()
    reading.catch(() => undefined)
    return reading
  }

  #assertOpen(): void {
    if (this.#isOver) throw new LateChangeError(`${this.#viewName}: the handler of ${this.#event.eventType}`)
  }
}
