/** Sagas: how many steps they take a second, and how long one takes. */

import { performance } from 'node:perf_hooks'
import { Application, type SagaDefinition } from '@cim/core'
import { SqliteEventStore, SqliteViewStore } from '@cim/sqlite'
import { onboarding, stepsPerInstance } from '../domain/onboarding.ts'
import { person } from '../domain/person.ts'
import { personId } from '../domain/persons.ts'
import { closedLoop, openLoop } from '../harness/load-generators.ts'
import { inRounds, pick, ratios } from '../harness/rounds.ts'
import { ResultTable, type Scenario } from '../harness/scenario.ts'
import { withDatabaseFile } from '../harness/scratch.ts'
import { percentile } from '../harness/statistics.ts'

/** Scenario of sagas. */
export const sagas: Scenario = {
  name: 'sagas',
  title: 'Sagas',
  needsLargeStore: false,
  about: `Each person that is registered starts a saga of two steps: a command to change her address, then, when that has
happened, one to add a note. It has a deadline, and a step that could be compensated. A step is three appends: the saga's
decision, the command's event, and the outcome.

- **commands alone**: 64 callers register the persons, and send the same two commands themselves.
- **with sagas**: 64 callers register the persons; until the last saga has completed. **commands**: those of the sagas and
  of the callers together.
- **100 sagas/s**: persons are registered at a fixed rate. A step counts from the moment at which an event is read from the
  store until the event of the command that follows from it is.`,
  async run({ settings, folder, say }) {
    const table = new ResultTable()
    const instances = Math.max(20, Math.round(settings.eventsPerRun.crowd / 32))
    say(`${instances} sagas`)
    const samples = await inRounds(settings.rounds, {
      alone: () => withService(folder, [], (service) => sendAll(service, instances)),
      sagas: () => withService(folder, [onboarding as SagaDefinition], (service) => completeAll(service, instances)),
    })
    const commands = pick(samples.alone, 'perSecond')
    const together = pick(samples.sagas, 'perSecond')
    table.add('as many as there can be', 'commands alone', '/s', commands)
    table.add(
      'as many as there can be',
      'saga steps',
      '/s',
      together.map((perSecond) => (perSecond * stepsPerInstance) / commandsPerInstance),
    )
    table.add('as many as there can be', 'commands with sagas', '/s', together)
    table.add('as many as there can be', 'with sagas to alone', '×', ratios(together, commands))
    say('100 sagas a second')
    const { steady } = await inRounds(settings.rounds, {
      steady: () =>
        withService(folder, [onboarding as SagaDefinition], (service) =>
          stepsAt(service, 100, Math.ceil(100 * settings.openLoopSeconds)),
        ),
    })
    table.add('100 sagas/s', 'step p50', 'ms', pick(steady, 'p50Ms'))
    table.add('100 sagas/s', 'step p99', 'ms', pick(steady, 'p99Ms'))
    return table
  },
}

/** The caller's and the saga's. */
const commandsPerInstance = 1 + stepsPerInstance

/** An application with its event store. */
interface Service {
  readonly application: Application
  readonly eventStore: SqliteEventStore
}

function withService<TResult>(
  folder: string,
  definitions: readonly SagaDefinition[],
  work: (service: Service) => Promise<TResult>,
): Promise<TResult> {
  return withDatabaseFile(folder, (events) =>
    withDatabaseFile(folder, async (views) => {
      await using eventStore = new SqliteEventStore({ path: events })
      await using viewStore = new SqliteViewStore({ path: views })
      const { snapshotStore } = eventStore
      const stores = { eventStore, snapshotStore, viewStore }
      await using application = new Application({ ...stores, aggregates: [person], sagas: definitions })
      await application.start()
      return await work({ application, eventStore })
    }),
  )
}

const registered = { givenName: 'Ada', familyName: 'Lovelace', dateOfBirth: '1815-12-10', email: 'ada@example.org' }

async function register({ application }: Service, index: number): Promise<void> {
  const command = person.command('RegisterPerson', registered, { aggregateId: person.id(personId(index)) })
  const { status } = await application.dispatch(command)
  if (status !== 'Accepted') throw new Error(`RegisterPerson was ${status}.`)
}

/** The same commands as with sagas, by the callers. */
async function sendAll(service: Service, instances: number) {
  let next = 0
  const address = { street: 'Main Street 1', postalCode: '12345', city: 'Springfield', country: 'US' }
  const { perSecond } = await closedLoop(64, instances, async () => {
    const index = next++
    const to = { aggregateId: person.id(personId(index)) }
    await register(service, index)
    await service.application.dispatch(person.command('ChangeAddress', address, to))
    await service.application.dispatch(person.command('AddNote', { author: 'Registry', text: 'Has settled.' }, to))
  })
  return { perSecond: perSecond * commandsPerInstance }
}

async function completeAll(service: Service, instances: number) {
  let next = 0
  const start = performance.now()
  const completed = untilCompleted(service, instances)
  await closedLoop(64, instances, () => register(service, next++))
  await completed
  return { perSecond: (instances * commandsPerInstance * 1000) / (performance.now() - start) }
}

async function untilCompleted({ eventStore }: Service, instances: number): Promise<void> {
  let completed = 0
  for await (const { events } of eventStore.subscribe('events.Onboarding.SagaCompleted')) {
    completed += events.length
    if (completed >= instances) return
  }
}

/** @returns how long steps took when sagas are started at a fixed rate */
async function stepsAt(service: Service, perSecond: number, instances: number) {
  const steps: number[] = []
  const watching = watchSteps(service, instances, steps)
  await openLoop(perSecond, instances, (index) => register(service, index))
  await watching
  const sorted = Float64Array.from(steps).sort()
  return { p50Ms: percentile(sorted, 0.5), p99Ms: percentile(sorted, 0.99) }
}

async function watchSteps({ eventStore }: Service, instances: number, steps: number[]): Promise<void> {
  const newest = new Map<string, number>()
  for await (const { events } of eventStore.subscribe('events.Person.*')) {
    const now = performance.now()
    for (const { aggregateId } of events) {
      const before = newest.get(aggregateId)
      if (before !== undefined) steps.push(now - before)
      newest.set(aggregateId, now)
    }
    if (steps.length >= instances * stepsPerInstance) return
  }
}
