/** The People application on stores in memory, for tests of queries. */

import assert from 'node:assert/strict'
import {
  type Application,
  type Command,
  MemoryEventStore,
  MemoryViewStore,
  type QueryDefinition,
  waitForPosition,
} from '@cim/core'
import { createPeopleApplication } from '../application.ts'

/** A running application, and the position of what was sent to it. */
export class PeopleInMemory implements AsyncDisposable {
  readonly application: Application
  #position = 0

  /** @param now the clock, milliseconds since 1970 */
  constructor(now: () => number = () => Date.UTC(2026, 5, 1)) {
    const eventStore = new MemoryEventStore({ now })
    this.application = createPeopleApplication({ eventStore, viewStore: new MemoryViewStore(), now })
  }

  static async start(commands: readonly Command[] = []): Promise<PeopleInMemory> {
    const people = new PeopleInMemory()
    await people.application.start()
    await people.send(...commands)
    return people
  }

  /** Every command must be accepted. */
  async send(...commands: readonly Command[]): Promise<void> {
    for (const command of commands) {
      const { status, reason, position } = await this.application.dispatch(command)
      assert.equal(status, 'Accepted', `${command.commandType}: ${reason?.message}`)
      this.#position = Math.max(this.#position, position)
    }
  }

  /** Waits until every view has seen what the event store holds. */
  async seeEverything(): Promise<void> {
    const { eventStore, viewStore, projections } = this.application
    this.#position = await eventStore.headPosition()
    const consistency = { afterPosition: this.#position, waitMs: 30_000 }
    await Promise.all(projections.map((view) => waitForPosition(viewStore, view, consistency)))
  }

  /** Sees everything that was sent. */
  query<TParameters, TResult>(
    definition: QueryDefinition<string, TParameters, TResult>,
    parameters: TParameters,
  ): Promise<TResult | undefined> {
    return this.application.query(definition, parameters, { afterPosition: this.#position })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.application.stop()
  }
}
