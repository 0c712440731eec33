/** The processor runtime: kinds of views, a poison aggregate, how far views lag, and a rebuild. */

import { performance } from 'node:perf_hooks'
import { Application, type Command, defineProjection, type ProjectionDefinition, type Views } from '@cim/core'
import { SqliteEventStore, SqliteViewStore } from '@cim/sqlite'
import { person } from '../domain/person.ts'
import { personCommandContent } from '../domain/person-events.ts'
import { changeDocument, type PersonDocument, type PersonEvent, personView } from '../domain/person-view.ts'
import { Persons, personId } from '../domain/persons.ts'
import { closedLoop, openLoop } from '../harness/load-generators.ts'
import { inRounds, pick, ratios } from '../harness/rounds.ts'
import { ResultTable, type Scenario, type ScenarioContext } from '../harness/scenario.ts'
import { withDatabaseFile } from '../harness/scratch.ts'
import { percentile } from '../harness/statistics.ts'
import { catchUpRaw } from '../raw/raw-catch-up.ts'

/** Scenario of event processing. */
export const processing: Scenario = {
  name: 'processing',
  title: 'Event processing',
  needsLargeStore: true,
  about: `Views over the large store: 1,000,000 events of 10,000 persons, all mixed.

- **indexed**, **plain**, **asynchronous**: catch-up of the view of *Catch-up of a projection*, of the same view without
  indexes, and of the same view with handlers that read a document with \`await views.get\`.
- **raw**: the loop of *Catch-up of a projection*, which is the ceiling of the indexed view.
- **one poison person**: the indexed view, when every event of one person of 10,000 fails: she is held back and parked, all
  others go on.
- **rebuild**: the indexed view built anew beside the live one, until it is promoted.
- **lag at 1,000 commands/s**: from the acknowledgment of a command until the commit after which a query sees it.`,
  plots: [
    {
      name: 'processing',
      title: 'Events per second of a backlog',
      kind: 'bars',
      rows: /^(raw|indexed|plain|asynchronous|one poison person|rebuild)$/,
      places: 'kind of view',
      columns: ['events'],
    },
  ],
  async run(context) {
    const table = new ResultTable()
    await measureKinds(context, table)
    await measureRebuild(context, table)
    await measureLag(context, table)
    return table
  },
}

const batches = { batchSize: 1000, eventsPerCheckpoint: 250_000 }

async function measureKinds({ settings, folder, largeStore, say }: ScenarioContext, table: ResultTable): Promise<void> {
  say('kinds of views')
  const view = (projection: ProjectionDefinition) => () =>
    withDatabaseFile(folder, (path) => catchUp(largeStore, path, projection))
  const samples = await inRounds(settings.longRounds, {
    raw: () =>
      withDatabaseFile(folder, (path) => {
        const start = performance.now()
        const events = catchUpRaw(largeStore, path, batches)
        return { perSecond: (events / (performance.now() - start)) * 1000 }
      }),
    indexed: view(personView as ProjectionDefinition),
    plain: view(kindOf('PlainView', {}, change) as ProjectionDefinition),
    asynchronous: view(
      kindOf('AsynchronousView', personView.indexes as never, changeAfterReading) as ProjectionDefinition,
    ),
    poison: view(kindOf('PoisonView', personView.indexes as never, changeUnlessPoison) as ProjectionDefinition),
  })
  const [raw, indexed] = [pick(samples.raw, 'perSecond'), pick(samples.indexed, 'perSecond')]
  table.add('raw', 'events', '/s', raw)
  table.add('indexed', 'events', '/s', indexed)
  table.add('indexed', 'to raw', '×', ratios(indexed, raw), { atLeast: 0.6 })
  for (const kind of ['plain', 'asynchronous'] as const) {
    table.add(kind, 'events', '/s', pick(samples[kind], 'perSecond'))
  }
  const poison = pick(samples.poison, 'perSecond')
  table.add('one poison person', 'events', '/s', poison)
  table.add('one poison person', 'to indexed', '×', ratios(poison, indexed), { atLeast: 0.9 })
}

async function measureRebuild(
  { settings, folder, largeStore, say }: ScenarioContext,
  table: ResultTable,
): Promise<void> {
  say('rebuild')
  const { runs } = await inRounds(settings.longRounds, {
    runs: () =>
      withDatabaseFile(folder, async (path) => {
        await using eventStore = new SqliteEventStore({ path: largeStore })
        await using viewStore = new SqliteViewStore({ path })
        const { application, caughtUp } = open(eventStore, viewStore, personView as ProjectionDefinition)
        await using _ = application
        await application.start()
        await caughtUp()
        const head = await eventStore.headPosition()
        const start = performance.now()
        const key = await application.viewBuilds.rebuild('PersonView')
        await application.viewBuilds.promote('PersonView', key)
        const seconds = (performance.now() - start) / 1000
        return { seconds, perSecond: head / seconds }
      }),
  })
  table.add('rebuild', 'events', '/s', pick(runs, 'perSecond'))
  table.add('rebuild', 'whole', 's', pick(runs, 'seconds'))
}

async function measureLag({ settings, folder, say }: ScenarioContext, table: ResultTable): Promise<void> {
  say('lag')
  const { runs } = await inRounds(settings.rounds, {
    runs: () =>
      withDatabaseFile(folder, (events) =>
        withDatabaseFile(folder, async (views) => {
          await using eventStore = new SqliteEventStore({ path: events })
          await using viewStore = new SqliteViewStore({ path: views })
          const { application, caughtUp } = open(eventStore, viewStore, personView as ProjectionDefinition)
          await using _ = application
          await application.start()
          const persons = new Persons(Math.min(settings.aggregates, 1000))
          const dispatch = (index: number) => dispatchTo(application, persons, index)
          let next = 0
          await closedLoop(64, persons.ids.length, () => dispatch(next++))
          await caughtUp()
          return await lagAt(1000, settings.openLoopSeconds, viewStore, () => dispatch(persons.choose(0, 1)))
        }),
      ),
  })
  table.add('lag at 1,000 commands/s', 'p50', 'ms', pick(runs, 'p50Ms'))
  table.add('lag at 1,000 commands/s', 'p99', 'ms', pick(runs, 'p99Ms'), { atMost: 20 })
  table.add('lag at 1,000 commands/s', 'greatest', 'ms', pick(runs, 'maxMs'))
}

/** @param dispatch sends a command @returns how long after its acknowledgment each was visible */
async function lagAt(
  perSecond: number,
  seconds: number,
  viewStore: SqliteViewStore,
  dispatch: () => Promise<number>,
): Promise<{ readonly p50Ms: number; readonly p99Ms: number; readonly maxMs: number }> {
  const count = Math.round(perSecond * seconds)
  const acknowledgments: (readonly [position: number, at: number])[] = []
  const commits: (readonly [checkpoint: number, at: number])[] = []
  const commit = viewStore.commit.bind(viewStore)
  viewStore.commit = async (view, changes) => {
    await commit(view, changes)
    commits.push([changes.position, performance.now()])
  }
  await openLoop(perSecond, count, async () => {
    const position = await dispatch()
    acknowledgments.push([position, performance.now()])
  })
  const last = Math.max(...acknowledgments.map(([position]) => position))
  while ((commits.at(-1)?.[0] ?? 0) < last)
    await viewStore.committed.wait(viewStore.committed.count, { timeoutMs: 100 })
  acknowledgments.sort(([one], [other]) => one - other)
  const lags = new Float64Array(acknowledgments.length)
  let index = 0
  for (const [number, [position, at]] of acknowledgments.entries()) {
    while ((commits[index]?.[0] ?? Number.POSITIVE_INFINITY) < position) index++
    lags[number] = Math.max(0, (commits[index]?.[1] ?? Number.NaN) - at)
  }
  lags.sort()
  return { p50Ms: percentile(lags, 0.5), p99Ms: percentile(lags, 0.99), maxMs: lags.at(-1) ?? 0 }
}

async function dispatchTo(application: Application, persons: Persons, index: number): Promise<number> {
  const sequence = (persons.versions[index] ?? 0) + 1
  persons.versions[index] = sequence
  const content = personCommandContent(sequence, persons.nextContent())
  const { position } = await application.dispatch({ ...content, aggregateId: persons.ids[index] } as Command)
  return position
}

/** Builds a view in a new file. */
async function catchUp(storePath: string, viewPath: string, projection: ProjectionDefinition) {
  await using eventStore = new SqliteEventStore({ path: storePath })
  await using viewStore = new SqliteViewStore({ path: viewPath })
  const { application, caughtUp } = open(eventStore, viewStore, projection)
  await using _ = application
  const head = await eventStore.headPosition()
  const start = performance.now()
  await application.start()
  await caughtUp()
  return { perSecond: (head / (performance.now() - start)) * 1000 }
}

function open(eventStore: SqliteEventStore, viewStore: SqliteViewStore, projection: ProjectionDefinition) {
  const application = new Application({ eventStore, viewStore, aggregates: [person], projections: [projection] })
  const caughtUp = async (): Promise<void> => {
    for (const name of application.processing.processorNames) await application.processing.drain(name)
  }
  return { application, caughtUp }
}

type Handler = (event: PersonEvent, views: Views<PersonDocument>) => void | Promise<void>

function kindOf(viewName: string, indexes: object, handle: Handler) {
  return defineProjection(viewName, {
    from: [person],
    schema: personView.schema,
    indexes: indexes as never,
    on: {
      PersonRegistered: handle,
      EmailChanged: handle,
      AddressChanged: handle,
      NameUpdated: handle,
      NoteAdded: handle,
    },
  })
}

function change(event: PersonEvent, views: Views<PersonDocument>): void {
  views.update(event.aggregateId, (document) => changeDocument(document, event))
}

async function changeAfterReading(event: PersonEvent, views: Views<PersonDocument>): Promise<void> {
  const document = changeDocument(await views.get(event.aggregateId), event)
  if (document !== undefined) views.set(event.aggregateId, document)
}

const poisonId = personId(7)

function changeUnlessPoison(event: PersonEvent, views: Views<PersonDocument>): void {
  if (event.aggregateId === poisonId) throw new Error('This person cannot be processed.')
  change(event, views)
}
