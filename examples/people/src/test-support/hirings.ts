/** The People application on SQLite files, for tests that follow a hiring to its end. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Application, type Command, type CountedStatus, hasErrorCode, type SagaView, systemClock } from '@cim/core'
import { SqliteEventStore, SqliteViewStore } from '@cim/sqlite'
import { createPeopleApplication, type HROptions } from '../application.ts'
import { organization } from '../organization.ts'
import { person } from '../person.ts'
import type { HiringView } from '../views/hiring-view.ts'

const patienceMs = 30_000

/** Creates the person with a hiring by the organization `works`. */
export function hire(personId: string, startDate = '2026-07-01'): Command {
  const hiring = { organizationId: organization.id('works'), role: 'Analyst', startDate }
  return person.command('CreatePerson', { legalName: personId, hiring }, { aggregateId: person.id(personId) })
}

/** A running application, whose time can be moved. */
export class Hirings implements AsyncDisposable {
  readonly application: Application
  readonly #opened: AsyncDisposableStack
  readonly #time: { ahead: number }

  private constructor(application: Application, opened: AsyncDisposableStack, time: { ahead: number }) {
    this.application = application
    this.#opened = opened
    this.#time = time
  }

  /** Opens or opens again what is in the folder. Failures are tried again soon. */
  static async open(dataFolder: string, hr: HROptions = {}): Promise<Hirings> {
    await using opened = new AsyncDisposableStack()
    const time = { ahead: 0 }
    const now = (): number => Date.now() + time.ahead
    const eventStore = opened.use(new SqliteEventStore({ path: join(dataFolder, 'events.sqlite'), now }))
    const viewStore = opened.use(new SqliteViewStore({ path: join(dataFolder, 'views.sqlite') }))
    const application = opened.use(
      createPeopleApplication({
        eventStore,
        viewStore,
        now,
        processors: { clock: { ...systemClock, now }, failures: { retryDelay: { firstMs: 5, mostMs: 20 } } },
        hr,
      }),
    )
    await application.start()
    return new Hirings(application, opened.move(), time)
  }

  async send(...commands: readonly Command[]): Promise<void> {
    for (const command of commands) {
      const { status, reason } = await this.application.dispatch(command)
      assert.equal(status, 'Accepted', `${command.commandType}: ${reason?.message}`)
    }
  }

  passDays(days: number): void {
    this.#time.ahead += days * 86_400_000
  }

  /** Waits until the hiring's view says so. */
  async becomes(personId: string, status: HiringView['status']): Promise<HiringView> {
    const query = { queryType: 'GetHiring', parameters: { personId } }
    let last: unknown
    for await (const { result } of this.application.watch(query, { signal: AbortSignal.timeout(patienceMs) })) {
      last = result
      if ((result as HiringView | undefined)?.status === status) return result as HiringView
    }
    throw new Error(`The hiring of ${personId} should become ${status}; it is ${JSON.stringify(last)}.`)
  }

  /** Waits until the process itself has come to its end. */
  async ends(personId: string, status: CountedStatus): Promise<SagaView> {
    for (let waited = 0; ; waited += 10) {
      const saga = await this.#find(personId)
      if (saga?.status === status) return saga
      assert.ok(waited < patienceMs, `The process of ${personId} should be ${status}; it is ${JSON.stringify(saga)}.`)
      await delay(10)
    }
  }

  async #find(personId: string): Promise<SagaView | undefined> {
    try {
      return await this.application.sagas.get('HiringProcess', personId)
    } catch (error) {
      if (hasErrorCode(error, 'view-not-ready')) return undefined
      throw error
    }
  }

  /** The types of all events of domain aggregates, in order. */
  async eventTypes(aggregateType?: string): Promise<readonly string[]> {
    const { events } = await this.application.eventStore.readEvents({ limit: 10_000 })
    return events
      .filter((event) =>
        aggregateType === undefined ? event.aggregateType !== 'HiringProcess' : event.aggregateType === aggregateType,
      )
      .map(({ eventType }) => eventType)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.disposeAsync()
  }
}
