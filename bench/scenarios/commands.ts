/** Whole commands in process: from the call of `dispatch` to the acknowledgment. */

import { randomUUID } from 'node:crypto'
import { Application, type Command, MemoryViewStore } from '@cim/core'
import { SqliteEventStore } from '@cim/sqlite'
import { person } from '../domain/person.ts'
import { personCommandContent } from '../domain/person-events.ts'
import { Persons } from '../domain/persons.ts'
import { closedLoop, type LoadSample, openLoop } from '../harness/load-generators.ts'
import { inRounds, pick, ratios } from '../harness/rounds.ts'
import { ResultTable, type Scenario } from '../harness/scenario.ts'
import { withDatabaseFile } from '../harness/scratch.ts'
import type { Settings } from '../harness/settings.ts'
import { appendThroughStore } from './append.ts'

/** Scenario (c). */
export const commands: Scenario = {
  name: 'commands',
  title: 'Commands in process',
  needsLargeStore: false,
  about: `\`Application.dispatch\` on 10,000 aggregates at random: the command is parsed by its Zod schema, its aggregate is
taken from the repository's cache, the decision is made, its event is checked against its schema and appended durably.

- **dispatch**: callers that each wait for their acknowledgment.
- **dispatch, repeatable**: the sender chose the command id, so the store also looks whether it knows that command.
- **append alone**: \`appendEvents\` with as many appenders, as in *Durable append*.
- **1,000 commands/s**: commands that begin at a fixed rate, whatever became of those before. Their latency counts from the
  moment at which they were due, so a stall is felt by every command that comes during it.`,
  plots: [
    {
      name: 'commands',
      title: 'Commands per second, in process',
      kind: 'lines',
      rows: /^(\d+) caller/,
      places: 'callers at once',
      columns: ['dispatch', 'dispatch, repeatable', 'append alone'],
      isLogarithmic: true,
    },
  ],
  async run({ settings, folder, say }) {
    const table = new ResultTable()
    for (const callers of settings.callers) {
      say(`${callers} callers`)
      const samples = await inRounds(settings.rounds, {
        dispatch: () => dispatchInNewStore(folder, settings, callers, () => undefined),
        repeatable: () => dispatchInNewStore(folder, settings, callers, randomUUID),
        append: () => withDatabaseFile(folder, (path) => appendThroughStore(path, callers, settings)),
      })
      const row = `${callers} caller${callers === 1 ? '' : 's'}`
      const dispatched = pick(samples.dispatch, 'perSecond')
      const appended = pick(samples.append, 'perSecond')
      table.add(row, 'dispatch', '/s', dispatched)
      table.add(row, 'dispatch, repeatable', '/s', pick(samples.repeatable, 'perSecond'))
      table.add(row, 'append alone', '/s', appended)
      table.add(row, 'dispatch to append', '×', ratios(dispatched, appended), { atLeast: 0.6 })
      table.add(row, 'p50', 'ms', pick(samples.dispatch, 'p50Ms'))
      table.add(row, 'p99', 'ms', pick(samples.dispatch, 'p99Ms'))
    }
    say('1,000 commands a second')
    const { steady } = await inRounds(settings.rounds, { steady: () => dispatchSteadily(folder, settings) })
    table.add('1,000 commands/s', 'dispatch', '/s', pick(steady, 'perSecond'))
    table.add('1,000 commands/s', 'p50', 'ms', pick(steady, 'p50Ms'))
    table.add('1,000 commands/s', 'p99', 'ms', pick(steady, 'p99Ms'), { atMost: 10 })
    return table
  },
}

/** Registered persons, and an application to send commands about them to. */
export class PersonService {
  readonly #application: Application
  readonly #persons: Persons

  /** @param persons must be registered: see {@link dispatchToAll} */
  constructor(store: SqliteEventStore, persons: Persons) {
    const { snapshotStore } = store
    this.#persons = persons
    this.#application = new Application({
      eventStore: store,
      snapshotStore,
      viewStore: new MemoryViewStore(),
      aggregates: [person],
    })
  }

  /** Sends one command to every person, which registers those who are not. */
  async dispatchToAll(): Promise<void> {
    let next = 0
    await closedLoop(256, this.#persons.ids.length, () => this.#dispatch(next++, undefined))
  }

  /** Sends one command to one of the caller's persons. */
  dispatchOne(caller: number, callers: number, commandId?: string): Promise<unknown> {
    return this.#dispatch(this.#persons.choose(caller, callers), commandId)
  }

  async #dispatch(index: number, commandId: string | undefined): Promise<void> {
    const sequence = (this.#persons.versions[index] ?? 0) + 1
    this.#persons.versions[index] = sequence
    const command = {
      ...personCommandContent(sequence, this.#persons.nextContent()),
      aggregateId: this.#persons.ids[index],
      ...(commandId === undefined ? undefined : { commandId }),
    } as Command
    const { status, reason } = await this.#application.dispatch(command)
    if (status !== 'Accepted') throw new Error(`${command.commandType} was ${status}: ${reason?.message}`)
  }
}

export function dispatchInNewStore(
  folder: string,
  settings: Settings,
  callers: number,
  newCommandId: () => string | undefined,
): Promise<LoadSample> {
  const { alone, crowd } = settings.eventsPerRun
  return withWarmService(folder, settings, (service) =>
    closedLoop(callers, callers === 1 ? alone : crowd, (caller) =>
      service.dispatchOne(caller, callers, newCommandId()),
    ),
  )
}

function dispatchSteadily(folder: string, settings: Settings): Promise<LoadSample> {
  const rate = 1000
  return withWarmService(folder, settings, (service) =>
    openLoop(rate, rate * settings.openLoopSeconds, (index) => service.dispatchOne(index % 64, 64)),
  )
}

function withWarmService<TResult>(
  folder: string,
  { aggregates, warmUpEvents }: Settings,
  work: (service: PersonService) => Promise<TResult>,
): Promise<TResult> {
  return withDatabaseFile(folder, async (path) => {
    await using store = new SqliteEventStore({ path })
    const service = new PersonService(store, new Persons(aggregates))
    await service.dispatchToAll()
    await closedLoop(256, warmUpEvents - aggregates, (caller) => service.dispatchOne(caller, 256))
    return await work(service)
  })
}
