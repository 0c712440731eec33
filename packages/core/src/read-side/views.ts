/** The view documents that a batch of events reads and changes, before they are committed together. */

import { deepFreeze } from '../event-store/freeze.ts'
import { compareStrings, indexValuesOf, toIndexValue } from './index-values.ts'
import type { IndexValue, ViewChange, ViewDefinition, ViewRow, ViewStore } from './view-store.ts'

/**
 * What a projection's handler works with. Changes are collected and applied in the order of the calls; the documents they
 * need are read together, once from one checkpoint to the next. Documents are frozen: give new ones.
 * An id is any string; half surrogates in it, which cannot be stored as text, are replaced.
 */
export interface Views<TView = unknown> {
  /** Puts a document, whether or not one is there. */
  set(id: string, view: TView): void
  /** Replaces a document by what `change` makes of it; `change` gets undefined when there is none, and may return it to leave or delete. */
  update(id: string, change: (view: TView | undefined) => TView | undefined): void
  delete(id: string): void
  /** Reads a document with all changes so far. */
  get(id: string): Promise<TView | undefined>
  /** Finds documents by the value of an index, with all changes so far, in the order of their ids. */
  find(index: string, equals: IndexValue): Promise<readonly ViewRow<TView>[]>
}

interface PendingChange<TView> {
  readonly id: string
  readonly change: (view: TView | undefined) => TView | undefined
}

interface Slot<TView> {
  /** As the store has it. */
  before: TView | undefined
  after: TView | undefined
  /** Whether a handler has touched it since the last checkpoint. */
  isTouched: boolean
}

/** So many documents stay in memory from one checkpoint to the next. */
const mostKeptDocuments = 20_000
/** And not more than about so many characters of JSON. */
const mostKeptCharacters = 16_000_000
const sampledDocuments = 8

/** {@link Views} over a view store: the unit of work from one checkpoint to the next. */
export class ViewSession<TView> implements Views<TView> {
  readonly #viewStore: ViewStore
  readonly #view: ViewDefinition
  readonly #slots = new Map<string, Slot<TView>>()
  /** The documents that handlers have touched since the last checkpoint. */
  readonly #touched = new Map<string, Slot<TView>>()
  #pending: PendingChange<TView>[] = []
  #turn: Promise<void> = Promise.resolve()

  constructor(viewStore: ViewStore, view: ViewDefinition) {
    this.#viewStore = viewStore
    this.#view = view
  }

  set(id: string, view: TView): void {
    this.update(id, () => view)
  }

  update(id: string, change: (view: TView | undefined) => TView | undefined): void {
    this.#pending.push({ id: id.toWellFormed(), change })
  }

  delete(id: string): void {
    this.update(id, () => undefined)
  }

  get(id: string): Promise<TView | undefined> {
    const known = id.toWellFormed()
    return this.#inTurn(async () => {
      await this.#apply()
      if (!this.#slots.has(known)) await this.#read(new Set([known]))
      return this.#slots.get(known)?.after
    })
  }

  find(index: string, equals: IndexValue): Promise<readonly ViewRow<TView>[]> {
    return this.#inTurn(() => this.#find(index, equals))
  }

  async #find(index: string, equals: IndexValue): Promise<readonly ViewRow<TView>[]> {
    await this.#apply()
    const value = toIndexValue(equals, () => `${this.#view.viewName}.${index}`)
    const rows = new Map<string, TView>()
    for (const { id, view } of await this.#findStored(index, value)) rows.set(id, view)
    for (const [id, { after }] of this.#touched) {
      if (after !== undefined && indexValuesOf(this.#view, index, after).includes(value)) rows.set(id, after)
      else rows.delete(id)
    }
    return [...rows].map(([id, view]) => ({ id, view })).sort((one, other) => compareStrings(one.id, other.id))
  }

  /** How many documents have been touched since the last checkpoint. */
  get touchedDocuments(): number {
    return this.#touched.size
  }

  /** Applies what handlers have asked for so far. */
  apply(): Promise<void> {
    return this.#inTurn(() => this.#apply())
  }

  /** A handler may ask for several things at once: they are done one after the other, so that none misses a change. */
  #inTurn<TResult>(work: () => Promise<TResult>): Promise<TResult> {
    const done = this.#turn.then(work)
    this.#turn = done.then(
      () => undefined,
      () => undefined,
    )
    return done
  }

  async #apply(): Promise<void> {
    if (this.#pending.length === 0) return
    const pending = this.#pending
    this.#pending = []
    const missing = new Set<string>()
    for (const { id } of pending) if (!this.#slots.has(id)) missing.add(id)
    await this.#read(missing)
    for (const { id, change } of pending) {
      const slot = this.#slots.get(id)
      if (slot === undefined) continue
      slot.after = deepFreeze(change(slot.after))
      if (slot.isTouched) continue
      slot.isTouched = true
      this.#touched.set(id, slot)
    }
  }

  /**
   * Commits every change together with a checkpoint.
   * @param expectedCheckpoint the one that the changes were computed on
   * @param position the new one
   * @throws {StaleCheckpointError} when another runner has moved the checkpoint
   */
  async commit(expectedCheckpoint: number, position: number): Promise<void> {
    await this.apply()
    const changes: ViewChange[] = []
    for (const [id, { before, after }] of this.#touched) if (before !== after) changes.push({ id, before, after })
    await this.#viewStore.commit(this.#view, { expectedCheckpoint, position, changes })
    for (const slot of this.#touched.values()) {
      slot.before = slot.after
      slot.isTouched = false
    }
    this.#touched.clear()
    if (!this.#isSmall()) this.#slots.clear()
  }

  /** Looks at a few documents only: it is asked after every checkpoint. */
  #isSmall(): boolean {
    const { size } = this.#slots
    if (size <= sampledDocuments || size > mostKeptDocuments) return size <= sampledDocuments
    let sampled = 0
    let characters = 0
    for (const { after } of this.#slots.values()) {
      characters += JSON.stringify(after ?? null).length
      if (++sampled === sampledDocuments) break
    }
    return (characters / sampled) * size <= mostKeptCharacters
  }

  async #read(missing: ReadonlySet<string>): Promise<void> {
    if (missing.size === 0) return
    const stored = await this.#viewStore.getMany(this.#view, [...missing])
    for (const id of missing) {
      const view = stored.get(id) as TView | undefined
      // Frozen: a handler that changes it in place would leave the view as it was, and its indexes wrong.
      this.#slots.set(id, { before: deepFreeze(view), after: view, isTouched: false })
    }
  }

  async #findStored(index: string, equals: IndexValue): Promise<ViewRow<TView>[]> {
    const found: ViewRow<TView>[] = []
    const limit = 1000
    for (;;) {
      const last = found.at(-1)
      const after = last === undefined ? undefined : { after: { value: equals, id: last.id } }
      const page = await this.#viewStore.find(this.#view, index, { equals, limit, ...after })
      found.push(...(page as readonly ViewRow<TView>[]))
      if (page.length < limit) return found
    }
  }
}
