/** What holds for sagas whatever comes in whatever order, however often it comes, and wherever the process crashes. */

import assert from 'node:assert/strict'
import { env } from 'node:process'
import { test } from 'node:test'
import fc from 'fast-check'
import { StoreUnavailableError } from '../errors/store-errors.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import { withHooks } from '../sample-account.test.ts'
import type { AggregateDefinition } from '../write-side/aggregate.ts'
import type { Command } from '../write-side/command.ts'
import { CommandHandler } from '../write-side/command-handler.ts'
import { Repository } from '../write-side/repository.ts'
import { defineSaga, type SagaDefinition } from './saga.ts'
import type { SagaEvent } from './saga-events.ts'
import { SagaInbox } from './saga-inbox.ts'
import { hasEnded } from './saga-instance.ts'
import { deadline, type SagaOutcome, step } from './saga-outcome.ts'
import { SagaProcessor } from './saga-processor.ts'
import { obstacles, plan, type Script } from './sample-script.test.ts'

const ids = ['one', 'two', 'three']
const stepNames = ['A', 'B', 'C'] as const

/** What an event makes its instances do. */
interface Task {
  readonly label: string
  readonly commands: readonly {
    readonly step: 'A' | 'B' | 'C' | 'none'
    readonly refuse: 'no' | 'never' | 'tolerated'
  }[]
  readonly end: 'none' | 'completed' | 'failed'
  readonly alarm: 'none' | 'set' | 'cancel'
  /** Throws as long as the walls stand. */
  readonly isWall: boolean
}

type Action =
  | { readonly kind: 'begin' | 'note'; readonly id: string; readonly task: Omit<Task, 'label'> }
  | { readonly kind: 'note all'; readonly task: Omit<Task, 'label'> }
  | { readonly kind: 'process'; readonly batches: number; readonly batchSize: number; readonly isSaved: boolean }
  | { readonly kind: 'reach' | 'retry' | 'cancel'; readonly id: string }
  | { readonly kind: 'walls'; readonly stand: boolean }

/** @returns a command to the plan that belongs to an instance */
function to(sagaId: string, name: string, refuse?: string): Command {
  const data = refuse === undefined ? { name } : { name, refuse }
  return plan.command('Do', data, { aggregateId: plan.id(`of ${sagaId}`) }) as Command
}

function perform(task: Task, sagaId: string): SagaOutcome<object, 'Alarm'> {
  if (task.isWall && obstacles.has('wall')) throw new Error('wall')
  const { label, commands, end, alarm } = task
  return {
    state: { label },
    commands: commands.map((one, index) => {
      const refuse = one.refuse === 'never' ? undefined : one.refuse
      const command = to(sagaId, `${label}.${index}`, refuse)
      return one.step === 'none' ? command : step(one.step, command)
    }),
    ...(alarm === 'set' ? { deadlines: [deadline('Alarm', { afterMs: 1000 }, label)] } : undefined),
    ...(alarm === 'cancel' ? { cancelDeadlines: ['Alarm'] as const } : undefined),
    ...(end === 'completed' ? { completed: true } : undefined),
    ...(end === 'failed' ? { failed: { code: 'told-to', message: label } } : undefined),
  }
}

const taskOf = ({ data }: { readonly data: Script }): Task => (data as { readonly task?: Task }).task ?? assert.fail()

const saga = defineSaga('Model', {
  from: [plan],
  initialState: {},
  startedBy: { Begun: ({ aggregateId }) => aggregateId },
  concerns: { Noted: ({ aggregateId }) => (aggregateId === 'all' ? { key: 'k' } : aggregateId) },
  keys: () => ['k'],
  on: {
    Begun: (_, event, { sagaId }) => perform(taskOf(event), sagaId),
    Noted: (_, event, { sagaId }) => perform(taskOf(event), sagaId),
  },
  onDeadline: { Alarm: (_, { data }, { sagaId }) => ({ commands: [to(sagaId, `alarm of ${String(data)}`)] }) },
  onRejected: { Do: (_, { reason }) => (reason.code === 'tolerated' ? undefined : { failed: reason }) },
  compensate: Object.fromEntries(
    stepNames.map((name) => [name, (_: object, { sagaId }: { readonly sagaId: string }) => to(sagaId, `undo ${name}`)]),
  ),
}) as SagaDefinition

/** Where the process crashes: after so many calls of the store, before or after the last one took effect. */
interface Fuse {
  readonly calls: number
  readonly isBefore: boolean
}

function fragile(memory: EventStore, fuse: Fuse | undefined): EventStore {
  let calls = 0
  const crash = (): never => {
    throw new StoreUnavailableError('The process has crashed.')
  }
  const burning =
    <TInput extends readonly unknown[], TResult>(call: (...input: TInput) => Promise<TResult>) =>
    async (...input: TInput): Promise<TResult> => {
      const count = ++calls
      if (fuse === undefined || count < fuse.calls) return call(...input)
      if (count > fuse.calls || fuse.isBefore) return crash()
      await call(...input)
      return crash()
    }
  return withHooks<EventStore>(memory, {
    appendEvents: burning((...input: Parameters<EventStore['appendEvents']>) => memory.appendEvents(...input)),
    recordCommand: burning((...input: Parameters<EventStore['recordCommand']>) => memory.recordCommand(...input)),
    loadEvents: burning((...input: Parameters<EventStore['loadEvents']>) => memory.loadEvents(...input)),
    findCommand: burning((...input: Parameters<EventStore['findCommand']>) => memory.findCommand(...input)),
  })
}

/** Processes over one event store, one after the other: the next one begins where the last one has crashed. */
class World {
  readonly memory: MemoryEventStore = new MemoryEventStore()
  readonly #fuses: Fuse[]
  #position = 0
  #labels = 0
  #inbox!: SagaInbox
  #processor!: SagaProcessor

  constructor(fuses: readonly Fuse[]) {
    this.#fuses = [...fuses]
    this.#start()
  }

  #start(): void {
    const eventStore = fragile(this.memory, this.#fuses.shift())
    const definition = plan as unknown as AggregateDefinition
    const handler = new CommandHandler({ eventStore, repositories: [new Repository({ definition, eventStore })] })
    this.#inbox = new SagaInbox({ definition: saga, eventStore })
    this.#processor = new SagaProcessor({
      inbox: this.#inbox,
      progressStore: new MemoryViewStore().progressStore,
      dispatch: (command) => handler.handle(command),
      findByKey: async () => {
        const instances = await Promise.all(ids.map((id) => this.instance(id)))
        return ids.filter((_, index) => instances[index]?.keys.includes('k'))
      },
    })
  }

  async instance(id: string) {
    return new SagaInbox({ definition: saga, eventStore: this.memory }).load(id)
  }

  /** Whatever crashes is not done again by itself. */
  async #orCrash(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      this.#start()
      return false
    }
  }

  async happen(aggregateId: string, eventType: 'Begun' | 'Noted', task: Omit<Task, 'label'>): Promise<void> {
    const eventData = { task: { ...task, label: `${aggregateId}-${++this.#labels}` } }
    await this.memory.appendEvents({ aggregateType: 'Plan', aggregateId }, [{ eventType, eventData }], {
      expectedVersion: 'any',
    })
  }

  /** @returns whether there was something to process, or the process has crashed */
  async process(batchSize: number, isSaved: boolean): Promise<boolean> {
    const { subjectPatterns } = this.#processor
    const page = await this.memory.readEvents({ subjectPatterns, afterPosition: this.#position, limit: batchSize })
    if (page.events.length === 0) return false
    const context = { replayUntil: 0, signal: new AbortController().signal }
    const isDone = await this.#orCrash(async () => {
      assert.deepEqual((await this.#processor.process(page.events, context)).failures, [])
    })
    if (isDone && isSaved) this.#position = page.position
    return true
  }

  async settle(): Promise<void> {
    while (await this.process(7, true));
  }

  async reach(id: string): Promise<void> {
    const { deadlines } = await this.instance(id)
    for (const { deadlineId } of deadlines) await this.#orCrash(() => this.#inbox.takeDeadline(id, deadlineId))
  }

  async retry(id: string): Promise<void> {
    const { held } = await this.instance(id)
    const page = await this.memory.readEvents({ limit: 10_000 })
    const waiting = held.flatMap((input) => (input.kind === 'event' ? [input.event.eventId] : []))
    const events = page.events.filter(({ eventId }) => waiting.includes(eventId))
    await this.#orCrash(() => this.#inbox.steer(id, { kind: 'retry', events }))
  }

  async cancel(id: string): Promise<void> {
    await this.#orCrash(() => this.#inbox.steer(id, { kind: 'cancel', reason: 'the test ends' }))
  }

  async act(action: Action): Promise<void> {
    switch (action.kind) {
      case 'begin':
        return this.happen(action.id, 'Begun', action.task)
      case 'note':
        return this.happen(action.id, 'Noted', action.task)
      case 'note all':
        return this.happen('all', 'Noted', action.task)
      case 'process':
        for (let batch = 0; batch < action.batches; batch++) await this.process(action.batchSize, action.isSaved)
        return
      case 'walls':
        if (action.stand) obstacles.add('wall')
        else obstacles.delete('wall')
        return
      case 'reach':
        return this.reach(action.id)
      case 'retry':
        return this.retry(action.id)
      case 'cancel':
        return this.cancel(action.id)
    }
  }

  async journal(id: string): Promise<readonly SagaEvent[]> {
    const events = await this.memory.loadEvents({ aggregateType: 'Model', aggregateId: id })
    return events.map(({ eventType, eventData }) => ({ eventType, data: eventData }) as SagaEvent)
  }

  /** The names of what the plan of an instance has done, in order. */
  async done(id: string): Promise<readonly string[]> {
    const events = await this.memory.loadEvents({ aggregateType: 'Plan', aggregateId: `of ${id}` })
    return events.map(({ eventData }) => (eventData as { readonly name: string }).name)
  }
}

/** What must be true of an instance that has ended, from nothing but what happened outside and what its journal says. */
async function check(world: World, id: string): Promise<void> {
  const journal = await world.journal(id)
  const of = <TType extends SagaEvent['eventType']>(eventType: TType) =>
    journal.flatMap((event) =>
      event.eventType === eventType ? [event.data as (SagaEvent & { readonly eventType: TType })['data']] : [],
    )
  const issued = of('CommandIssued')
  const accepted = of('CommandAccepted').map(({ commandId }) => commandId)
  const rejected = of('CommandRejected').map(({ commandId }) => commandId)
  // Each command has one outcome, and was done once when that says so.
  assert.deepEqual([...accepted, ...rejected].toSorted(), issued.map(({ commandId }) => commandId).toSorted())
  const names = new Map(
    issued.map(({ commandId, command }) => [commandId, (command.data as { readonly name: string }).name]),
  )
  const done = await world.done(id)
  assert.deepEqual(done.toSorted(), accepted.map((commandId) => names.get(commandId)).toSorted())
  // Each event was handled once.
  const handled = of('EventHandled').map(({ event }) => event.eventId)
  assert.equal(new Set(handled).size, handled.length)
  assert.equal(new Set(of('DeadlineReached').map(({ deadlineId }) => deadlineId)).size, of('DeadlineReached').length)
  // A saga that failed has taken back the steps that were done, the last one first, and nothing else.
  const stepOf = new Map(
    issued.flatMap(({ command, step: name }) =>
      name === undefined ? [] : [[(command.data as { readonly name: string }).name, name]],
    ),
  )
  const undone = done.filter((name) => name.startsWith('undo '))
  const steps = done.flatMap((name) => (stepOf.has(name) ? [`undo ${stepOf.get(name)}`] : []))
  assert.deepEqual(undone, of('SagaFailed').length === 0 ? [] : steps.reverse())
  assert.equal(of('SagaStarted').length, 1)
  assert.equal(of('SagaFailed').length + of('SagaCompleted').length, 1)
}

const task = fc.record({
  commands: fc.array(
    fc.record({
      step: fc.constantFrom('A', 'B', 'C', 'none'),
      refuse: fc.constantFrom('never', 'never', 'never', 'no', 'tolerated'),
    }),
    { maxLength: 3 },
  ),
  end: fc.constantFrom('none', 'none', 'none', 'none', 'completed', 'failed'),
  alarm: fc.constantFrom('none', 'none', 'set', 'cancel'),
  isWall: fc.constantFrom(false, false, false, true),
})
const id = fc.constantFrom(...ids)
const processing = fc.record({
  kind: fc.constant('process'),
  batches: fc.integer({ min: 1, max: 4 }),
  batchSize: fc.integer({ min: 1, max: 8 }),
  isSaved: fc.boolean(),
})
const action = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('begin', 'note'), id, task }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('note all'), task }) },
  { weight: 4, arbitrary: processing },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('reach', 'retry', 'cancel'), id }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('walls'), stand: fc.boolean() }) },
) as fc.Arbitrary<Action>
const fuses = fc.array(fc.record({ calls: fc.integer({ min: 1, max: 25 }), isBefore: fc.boolean() }), { maxLength: 12 })

test('sagas execute each command once, compensate what was done in reverse order, and end, wherever the process crashes', {
  timeout: 120_000,
}, async () => {
  const property = fc.asyncProperty(
    fc.array(action, { minLength: 1, maxLength: 25 }),
    fuses,
    async (actions, burning) => {
      obstacles.clear()
      for (const one of ['no', 'tolerated', 'wall']) obstacles.add(one)
      const world = new World(burning)
      for (const one of actions) await world.act(one)
      obstacles.delete('wall')
      for (let times = 0; times < 40; times++) {
        await world.settle()
        const instances = await Promise.all(ids.map((one) => world.instance(one)))
        const left = ids.filter((_, index) =>
          ['Running', 'Stuck', 'Compensating'].includes(instances[index]?.status ?? ''),
        )
        if (left.length === 0) break
        for (const one of left) {
          await world.retry(one)
          await world.cancel(one)
        }
      }
      for (const one of ids) {
        const instance = await world.instance(one)
        if (instance.status === 'NotStarted') continue
        assert.ok(hasEnded(instance), `${one} is ${instance.status}`)
        await check(world, one)
      }
    },
  )
  const { CIM_TEST_SEED: seed, CIM_TEST_PATH: path, CIM_TEST_RUNS: numRuns = '300' } = env
  await fc.assert(property, {
    numRuns: Number(numRuns),
    ...(seed === undefined ? undefined : { seed: Number(seed) }),
    ...(path === undefined ? undefined : { path }),
  })
})
