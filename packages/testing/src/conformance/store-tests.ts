/** Registers tests that get a store of their own each. */

import { type TestContext, test } from 'node:test'
import type { OpenedStore, OpenStore } from './opened-store.ts'
import { TestClock } from './test-clock.ts'

/** What the body of a test gets. */
export interface StoreFixture<TStore> {
  /** Empty, and closed after the test. */
  readonly store: TStore
  /** The store's clock. */
  readonly clock: TestClock
}

/** What the body of a test of durability gets. */
export interface DurableStoreFixture<TStore> extends StoreFixture<TStore> {
  /** Closes the store and opens the same data again. The test goes on with what this returns. */
  readonly restart: () => Promise<TStore>
}

/** Registers tests with one adapter. */
export interface StoreTests<TStore> {
  /** Registers a test with a title that is a sentence of behaviour. */
  test(title: string, body: (fixture: StoreFixture<TStore>) => Promise<void>): void
  /** Registers a test of what outlives a restart; it is skipped, with the reason, when nothing does. */
  durableTest(title: string, body: (fixture: DurableStoreFixture<TStore>) => Promise<void>): void
}

/** No test takes nearly as long; one that waits for what never comes must not hang the run. */
const timeoutMs = 30_000

/** @param open opens an empty store of the adapter */
export function storeTests<TStore extends object>(open: OpenStore<TStore>): StoreTests<TStore> {
  const run = async (
    context: TestContext,
    needsRestart: boolean,
    body: (fixture: DurableStoreFixture<TStore>) => Promise<void>,
  ): Promise<void> => {
    const clock = new TestClock()
    const opened = await open({ now: clock.now })
    const stores = [opened.store]
    try {
      if (needsRestart && opened.reopen === undefined) {
        context.skip('this store keeps nothing after it is closed')
        return
      }
      await body({ store: opened.store, clock, restart: () => restart(opened, stores) })
    } finally {
      for (const store of stores) await close(store)
      await opened.dispose?.()
    }
  }
  return {
    test: (title, body) => void test(title, { timeout: timeoutMs }, (context) => run(context, false, body)),
    durableTest: (title, body) => void test(title, { timeout: timeoutMs }, (context) => run(context, true, body)),
  }
}

async function restart<TStore extends object>(opened: OpenedStore<TStore>, stores: TStore[]): Promise<TStore> {
  const newest = stores.at(-1)
  if (newest !== undefined) await close(newest)
  if (opened.reopen === undefined) throw new Error('This store cannot be opened again.')
  const store = await opened.reopen()
  stores.push(store)
  return store
}

/** Stores may be closed twice. */
async function close(store: object): Promise<void> {
  if (Symbol.asyncDispose in store) await (store as AsyncDisposable)[Symbol.asyncDispose]()
}
