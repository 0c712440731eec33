/** The view documents that events read and change, before they are committed together. */

import { deepFreeze } from '../event-store/freeze.ts'
import { encodeJson } from '../event-store/json.ts'
import { compareStrings, indexValuesOf, toIndexValue } from './index-values.ts'
import type { IndexValue, ViewChange, ViewCommit, ViewDefinition, ViewRow, ViewStore } from './view-store.ts'

/**
 * A change that a handler has asked for, not yet made.
 *
 * A class, as {@link Undo} is: of object literals that outlive their first garbage collection V8 makes all later ones old
 * objects. Those of a batch hold documents, which would then grow old with them, all of them.
 */
class PendingChange<TView, TCause> {
  readonly id: string
  readonly change: (view: TView | undefined) => TView | undefined
  readonly cause: TCause

  constructor(id: string, change: (view: TView | undefined) => TView | undefined, cause: TCause) {
    this.id = id
    this.change = change
    this.cause = cause
  }
}

interface Slot<TView> {
  /** As the store has it. */
  before: TView | undefined
  after: TView | undefined
  /** Whether a handler has touched it since the last checkpoint. */
  isTouched: boolean
  /** The batch that touched it last. */
  batch: number
}

/** What a document was before the batch under way touched it. */
class Undo<TView> {
  readonly id: string
  readonly slot: Slot<TView>
  readonly after: TView | undefined
  readonly isTouched: boolean

  constructor(id: string, slot: Slot<TView>) {
    this.id = id
    this.slot = slot
    this.after = slot.after
    this.isTouched = slot.isTouched
  }
}

/** A change that failed. Everything since {@link ViewSession.beginBatch} should be undone. */
export class ChangeFailure<TCause> {
  readonly cause: TCause
  readonly error: unknown

  /** @param cause whose change it is @param error what was thrown */
  constructor(cause: TCause, error: unknown) {
    this.cause = cause
    this.error = error
  }
}

/** So many documents stay in memory from one checkpoint to the next. */
const mostKeptDocuments = 20_000
/** And not more than about so many characters of JSON. */
const mostKeptCharacters = 16_000_000
const sampledDocuments = 8

/**
 * The unit of work over a view store from one checkpoint to the next. Within it, the changes of one batch can be undone.
 * @typeParam TCause who asks for a change: told when it fails
 */
export class ViewSession<TView, TCause = unknown> {
  readonly #viewStore: ViewStore
  readonly #view: ViewDefinition
  readonly #slots = new Map<string, Slot<TView>>()
  /** The documents that handlers have touched since the last checkpoint. */
  readonly #touched = new Map<string, Slot<TView>>()
  #pending: PendingChange<TView, TCause>[] = []
  #undo: Undo<TView>[] = []
  #batch = 0
  #turn: Promise<void> = Promise.resolve()
  #storeFailure: { readonly error: unknown } | undefined
  /** A change of the batch under way that failed: those asked for after it are not made. */
  #failure: ChangeFailure<TCause> | undefined
  readonly #isStrict: boolean

  /** @param options `isStrict`: checks after each change that the document can be stored, which costs as much as storing it */
  constructor(viewStore: ViewStore, view: ViewDefinition, options: { readonly isStrict?: boolean } = {}) {
    this.#viewStore = viewStore
    this.#view = view
    this.#isStrict = options.isStrict ?? false
  }

  /** How many documents have been touched since the last checkpoint. */
  get touchedDocuments(): number {
    return this.#touched.size
  }

  /** The change that failed since {@link beginBatch}, undefined when none did. */
  get failure(): ChangeFailure<TCause> | undefined {
    return this.#failure
  }

  /** From here on, {@link rollbackBatch} can undo. */
  beginBatch(): void {
    this.#batch++
    this.#undo = []
    this.#failure = undefined
  }

  /** Undoes every change since {@link beginBatch}, and forgets those not yet made. */
  rollbackBatch(): void {
    this.#pending = []
    for (const { id, slot, after, isTouched } of this.#undo) {
      slot.after = after
      slot.isTouched = isTouched
      if (!isTouched) this.#touched.delete(id)
    }
    this.beginBatch()
  }

  /** Asks for a change; it is made when somebody looks, or at {@link apply}. */
  update(id: string, change: (view: TView | undefined) => TView | undefined, cause: TCause): void {
    this.#pending.push(new PendingChange(id.toWellFormed(), change, cause))
  }

  /** @throws {ChangeFailure} when a change that was asked for before fails */
  get(id: string): Promise<TView | undefined> {
    const known = id.toWellFormed()
    return this.#inTurn(async () => {
      await this.#apply()
      if (!this.#slots.has(known)) await this.#read(new Set([known]))
      return this.#slots.get(known)?.after
    })
  }

  /** @throws {ChangeFailure} when a change that was asked for before fails */
  find(index: string, equals: IndexValue): Promise<readonly ViewRow<TView>[]> {
    return this.#inTurn(() => this.#find(index, equals))
  }

  /**
   * Makes the changes that handlers have asked for so far.
   * @throws {ChangeFailure} when one of them fails
   */
  apply(): Promise<void> {
    return this.#inTurn(() => this.#apply())
  }

  /** @returns whether every document that has changed can be stored: if not, no commit will ever succeed */
  isStorable(): boolean {
    try {
      for (const { after } of this.changes()) this.#assertStorable(after as TView | undefined)
      return true
    } catch {
      return false
    }
  }

  /** @throws what a read of the view store threw, whatever the handler that asked has made of it */
  assertStoreWorks(): void {
    if (this.#storeFailure !== undefined) throw this.#storeFailure.error
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

  async #find(index: string, equals: IndexValue): Promise<readonly ViewRow<TView>[]> {
    await this.#apply()
    const value = toIndexValue(equals, () => `${this.#view.viewName}.${index}`)
    // Asks for an index that does not exist before the store is asked.
    indexValuesOf(this.#view, index, undefined)
    const rows = new Map<string, TView>()
    for (const { id, view } of await this.#findStored(index, value)) rows.set(id, view)
    for (const [id, { after }] of this.#touched) {
      if (after !== undefined && indexValuesOf(this.#view, index, after).includes(value)) rows.set(id, after)
      else rows.delete(id)
    }
    return [...rows].map(([id, view]) => ({ id, view })).sort((one, other) => compareStrings(one.id, other.id))
  }

  async #apply(): Promise<void> {
    // A handler may have caught it: whatever it made of that, the batch is to be undone.
    if (this.#failure !== undefined) throw this.#failure
    if (this.#pending.length === 0) return
    const pending = this.#pending
    const batch = this.#batch
    this.#pending = []
    const missing = new Set<string>()
    for (const { id } of pending) if (!this.#slots.has(id)) missing.add(id)
    await this.#read(missing)
    // Undone meanwhile: a handler that was given up had asked for these.
    if (batch !== this.#batch) return
    for (const { id, change, cause } of pending) {
      const slot = this.#slots.get(id)
      if (slot === undefined) continue
      let after: TView | undefined
      try {
        after = deepFreeze(change(slot.after))
        if (this.#isStrict) this.#assertStorable(after)
      } catch (error) {
        this.#failure = new ChangeFailure(cause, error)
        throw this.#failure
      }
      if (slot.batch !== this.#batch) {
        slot.batch = this.#batch
        this.#undo.push(new Undo(id, slot))
      }
      slot.after = after
      if (slot.isTouched) continue
      slot.isTouched = true
      this.#touched.set(id, slot)
    }
  }

  /** @returns what has changed since the last checkpoint */
  changes(): readonly ViewChange[] {
    const changes: ViewChange[] = []
    for (const [id, { before, after }] of this.#touched) if (before !== after) changes.push({ id, before, after })
    return changes
  }

  /**
   * Commits every change together with a checkpoint.
   * @throws {StaleCheckpointError} when another runner has moved the checkpoint
   */
  async commit(commit: Omit<ViewCommit, 'changes'>): Promise<void> {
    await this.apply()
    await this.#viewStore.commit(this.#view, { ...commit, changes: this.changes() })
    for (const slot of this.#touched.values()) {
      slot.before = slot.after
      slot.isTouched = false
    }
    this.#touched.clear()
    this.beginBatch()
    if (!this.#isSmall()) this.#slots.clear()
  }

  #assertStorable(after: TView | undefined): void {
    if (after === undefined) return
    encodeJson(after)
    for (const index of Object.keys(this.#view.indexes)) indexValuesOf(this.#view, index, after)
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
    const stored = await this.#ask(() => this.#viewStore.getMany(this.#view, [...missing]))
    for (const id of missing) {
      const view = stored.get(id) as TView | undefined
      // Frozen: a handler that changes it in place would leave the view as it was, and its indexes wrong.
      this.#slots.set(id, { before: deepFreeze(view), after: view, isTouched: false, batch: 0 })
    }
  }

  async #findStored(index: string, equals: IndexValue): Promise<ViewRow<TView>[]> {
    const found: ViewRow<TView>[] = []
    const limit = 1000
    for (;;) {
      const last = found.at(-1)
      const after = last === undefined ? undefined : { after: { value: equals, id: last.id } }
      const page = await this.#ask(() => this.#viewStore.find(this.#view, index, { equals, limit, ...after }))
      found.push(...(page as readonly ViewRow<TView>[]))
      if (page.length < limit) return found
    }
  }

  /** Remembers that the store failed: no handler is to blame, and none may hide it. */
  async #ask<TResult>(read: () => Promise<TResult>): Promise<TResult> {
    try {
      return await read()
    } catch (error) {
      this.#storeFailure ??= { error }
      throw error
    }
  }
}
