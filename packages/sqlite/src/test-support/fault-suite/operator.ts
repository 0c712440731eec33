/** Steers the application of a process of the fault suite. */

import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { type Application, type DeadLetterSequence, isCimError, type ViewStore, viewKey } from '@cim/core'
import { isBusy } from '../../sqlite-errors.ts'
import type { Action } from './plan-life.ts'

/** What an {@link Operator} needs. */
export interface OperatorOptions {
  readonly application: Application
  readonly viewStore: ViewStore
  /** The file of the view store. */
  readonly path: string
  /** Tells whoever watches what was done. */
  readonly say: (line: string) => void
}

const viewNames = ['LedgerView', 'WatcherView']

/** Rebuilds, promotes, drops; retries and discards dead letters; pauses; holds the file up. */
export class Operator {
  readonly #options: OperatorOptions

  constructor(options: OperatorOptions) {
    this.#options = options
  }

  /** Does one thing after the other while others work. */
  async act(actions: readonly Action[]): Promise<void> {
    for (const action of actions) {
      const { committed } = this.#options.viewStore
      await committed.wait(committed.count, { timeoutMs: 20 })
      try {
        await this.#do(action)
      } catch (error) {
        // There is nothing to promote, roll back or drop yet.
        if (!isCimError(error)) throw error
      }
    }
  }

  /**
   * Waits until every processor has done all it can.
   * @param isMended retries all dead letters until none is left
   */
  async finish(isMended: boolean): Promise<void> {
    const { processing } = this.#options.application
    for (const name of processing.processorNames) await processing.resume(name)
    await Promise.all(processing.processorNames.map((name) => processing.drain(name)))
    while (isMended) {
      const { committed } = this.#options.viewStore
      const seen = committed.count
      const counts = (await processing.list()).map(({ deadLetters }) => deadLetters)
      if (counts.every(({ parkedSequences, retryingSequences }) => parkedSequences + retryingSequences === 0)) return
      for (const name of processing.processorNames) await processing.deadLetters.retry(name, { state: 'parked' })
      await committed.wait(seen, { timeoutMs: 50 })
    }
  }

  async #do(action: Action): Promise<void> {
    switch (action) {
      case 'rebuild':
        await this.#options.application.viewBuilds.rebuild('LedgerView')
        await this.#options.application.viewBuilds.rebuild('WatcherView')
        return
      case 'promote':
        return this.#promote()
      case 'rollback':
        return this.#rollback()
      case 'drop':
        return this.#drop()
      case 'retry':
        for (const name of this.#processors) await this.#options.application.processing.deadLetters.retry(name)
        return
      case 'discard':
        return this.#discard(false)
      case 'discard-first':
        await this.#discard(true)
        return this.#discard(true)
      case 'pause':
        return this.#pause()
      case 'slow-transaction':
        return this.#holdUp()
    }
  }

  get #processors(): readonly string[] {
    return this.#options.application.processing.processorNames
  }

  async #promote(): Promise<void> {
    const { application, viewStore, say } = this.#options
    for (const viewName of viewNames) {
      const newest = (await viewStore.listViews(viewName)).filter(({ state }) => state === 'building').at(-1)
      if (newest === undefined) continue
      const key = viewKey(newest)
      say(`promoting ${viewName} ${key} ${await application.eventStore.headPosition()}`)
      await application.viewBuilds.promote(viewName, key)
      say(`promoted ${viewName} ${key}`)
    }
  }

  async #rollback(): Promise<void> {
    const { application, say } = this.#options
    for (const viewName of viewNames) {
      say(`promoting ${viewName} unknown ${await application.eventStore.headPosition()}`)
      const key = await application.viewBuilds.rollback(viewName)
      say(`promoted ${viewName} ${key}`)
    }
  }

  async #drop(): Promise<void> {
    const { application, viewStore } = this.#options
    for (const viewName of viewNames) {
      const stored = await viewStore.listViews(viewName)
      const isOnly = stored.every(({ state }) => state !== 'live')
      for (const view of stored.slice(0, 2)) {
        if (!isOnly && view.state !== 'live') await application.viewBuilds.drop(viewName, viewKey(view))
      }
    }
  }

  async #discard(isFirstOnly: boolean): Promise<void> {
    const { application, say } = this.#options
    const { deadLetters } = application.processing
    for (const name of this.#processors) {
      const one: DeadLetterSequence | undefined = (await deadLetters.list(name, { limit: 1 })).sequences[0]
      if (one === undefined) continue
      const filter = { aggregateType: one.aggregateType, aggregateId: one.aggregateId }
      const { sequenceCount } = await deadLetters.discard(name, filter, { reason: 'given up', isFirstOnly })
      say(`discarded ${name} ${sequenceCount}`)
    }
  }

  async #pause(): Promise<void> {
    const { processing } = this.#options.application
    const [first, ...others] = processing.processorNames
    for (const name of [first ?? '', others.at(-1) ?? '']) {
      await processing.pause(name)
      await delay(5)
      await processing.resume(name)
    }
  }

  /** Somebody else writes in the file, and takes long. */
  async #holdUp(): Promise<void> {
    const other = new DatabaseSync(this.#options.path, { timeout: 0 })
    try {
      await beginWhenFree(other)
      await delay(20)
      other.exec('ROLLBACK')
    } finally {
      other.close()
    }
  }
}

/** SQLite's own way to wait would keep the commit that it waits for, in this process, from being finished. */
async function beginWhenFree(database: DatabaseSync): Promise<void> {
  for (;;) {
    try {
      database.exec('BEGIN IMMEDIATE')
      return
    } catch (error) {
      if (!isBusy(error)) throw error
      await delay(1)
    }
  }
}
