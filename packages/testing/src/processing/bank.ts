/** A bank whose processes freeze, end and take over from each other. */

import { test } from 'node:test'
import { Application, type Command, hasErrorCode, type SagaView } from '@cim/core'
import { FrozenStores } from './frozen-stores.ts'
import type { OpenPlace, ProcessingPlace, ProcessStores } from './processing-place.ts'
import {
  type Balance,
  type BankDefinitions,
  bankCommands,
  defineBank,
  moneyTransfer,
  patienceMs,
  type TransferOrder,
} from './sample-bank.ts'
import { SuiteTime, until } from './suite-time.ts'

export const leaseMs = 1000
/** After so long, a lease has run out whatever the clocks of two processes say. */
const longMs = 3_600_000
const timeoutMs = 60_000

/** One process of a bank. */
export interface BankProcess {
  readonly application: Application
  /** Freezes its stores. */
  readonly frozen: FrozenStores
  /** As it uses them. */
  readonly stores: ProcessStores
  /** @returns the position of the event */
  readonly deposit: (id: string, amount?: number) => Promise<number>
  readonly close: (id: string) => Promise<number>
  /** Orders a transfer. */
  readonly order: (id: string, order: TransferOrder) => Promise<number>
  /** @param afterPosition what it must have seen */
  readonly balance: (id: string, afterPosition: number) => Promise<Balance | undefined>
  /** @returns how a transfer has ended, once this process sees it; status and code */
  readonly ended: (id: string) => Promise<string>
  readonly stop: () => Promise<void>
}

/** What the processes of one test share. */
export class Bank {
  readonly time: SuiteTime = new SuiteTime()
  /** Accounts whose events cannot be processed at the moment. */
  readonly troubles: Set<string> = new Set()
  /** What the reaction has told, in all processes. */
  readonly told: string[] = []
  readonly #definitions: BankDefinitions = defineBank(this.troubles, (line) => void this.told.push(line))
  readonly #running = new Set<BankProcess>()
  #place: ProcessingPlace | undefined

  async open(openPlace: OpenPlace): Promise<void> {
    this.#place = await openPlace({ now: this.time.now })
  }

  /** The leases of those that are frozen have run out. */
  passLongTime(): void {
    this.time.advance(longMs)
  }

  /** All deadlines are due. */
  passDeadlines(): void {
    this.time.advance(patienceMs)
  }

  /** Lets those that run look at what others have asked for: a sign of life is due. */
  async passShortTime(): Promise<void> {
    this.time.advance(leaseMs * 0.4)
    // Whoever has a processor must find the time to show a sign of life before more of it passes.
    await new Promise((resolve) => setTimeout(resolve, 50))
  }

  /** @param name the same again for a process that has ended and finds its views again */
  async start(name: string): Promise<BankProcess> {
    const place = this.#place
    if (place === undefined) throw new Error('The bank is not open.')
    const frozen = new FrozenStores()
    const stores = frozen.wrap(await place.open(name))
    const { eventStore, viewStore, progressStore } = stores
    const { aggregates, balances, getBalance, receipts } = this.#definitions
    const { time } = this
    const application = new Application({
      ...{ eventStore, viewStore, aggregates, now: time.now },
      ...(progressStore && { progressStore }),
      commands: { maxAttempts: 100 },
      projections: [balances],
      queries: [getBalance],
      reactions: [receipts],
      sagas: [moneyTransfer],
      processors: {
        ...{ leaseMs, clock: time, random: () => 0, concurrency: 8 },
        failures: { maxAttempts: 2, retryDelay: { firstMs: 0, mostMs: 0 } },
      },
    })
    const dispatch = async (command: Command): Promise<number> => {
      const { status, position, reason } = await application.dispatch(command)
      if (status === 'Accepted') return position ?? 0
      throw new Error(`${command.commandType} was ${status}: ${reason?.message}`)
    }
    const process: BankProcess = {
      ...{ application, frozen, stores },
      deposit: (id, amount = 1) => dispatch(bankCommands.deposit(id, amount)),
      close: (id) => dispatch(bankCommands.close(id)),
      order: (id, order) => dispatch(bankCommands.order(id, order)),
      balance: (id, afterPosition) => application.query(getBalance, { id }, { afterPosition, waitMs: 20_000 }),
      ended: async (id) => {
        let view: SagaView | undefined
        await until(`transfer ${id} has ended`, async () => {
          view = await application.sagas.get('MoneyTransfer', id).catch(unlessNotReady)
          return view?.status === 'Completed' || view?.status === 'Failed'
        })
        return view?.failure === undefined ? `${view?.status}` : `${view.status}: ${view.failure.code}`
      },
      stop: async () => {
        frozen.thaw()
        if (!this.#running.delete(process)) return
        await application.stop()
        await stores.close()
      },
    }
    this.#running.add(process)
    await application.start()
    return process
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running].map((process) => process.stop()))
    await this.#place?.dispose?.()
  }
}

/** Registers a test with a bank of its own. */
export type BankTest = (title: string, body: (bank: Bank) => Promise<void>) => void

/** @param openPlace opens an empty place of the adapter */
export function bankTests(openPlace: OpenPlace): BankTest {
  return (title, body) =>
    void test(title, { timeout: timeoutMs }, async () => {
      const bank = new Bank()
      await bank.open(openPlace)
      try {
        await body(bank)
      } finally {
        await bank.close()
      }
    })
}

/** Views of a process that has just begun are not ready yet. */
function unlessNotReady(error: unknown): undefined {
  if (!hasErrorCode(error, 'view-not-ready')) throw error
}
