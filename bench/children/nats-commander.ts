/** Dispatches commands at a steady rate, and asks another process for what it shows of each. */

import { performance } from 'node:perf_hooks'
import { Application, type Command, MemoryViewStore } from '@cim/core'
import { NatsClient } from '@cim/nats'
import { connect } from '@nats-io/transport-node'
import { person } from '../domain/person.ts'
import { personCommandContent } from '../domain/person-events.ts'
import { getPerson, type PersonDocument } from '../domain/person-view.ts'
import { Persons } from '../domain/persons.ts'
import { answer, answerAll, childInput } from '../harness/child.ts'
import { closedLoop, openLoop } from '../harness/load-generators.ts'
import { percentile } from '../harness/statistics.ts'
import { type NatsStream, openNatsStore } from '../stores/nats-stream.ts'

/** What the process is started with. */
export interface NatsCommanderInput {
  readonly stream: NatsStream
  readonly aggregates: number
}

/** What it is asked for. */
export interface NatsCommanderRun {
  readonly perSecond: number
  readonly commands: number
}

/** Milliseconds from the moment at which a command was due. */
export type NatsCommanderOutcome = {
  readonly acknowledgedP50Ms: number
  readonly acknowledgedP99Ms: number
  readonly shownP50Ms: number
  readonly shownP99Ms: number
}

const { stream, aggregates } = childInput<NatsCommanderInput>()
const connection = await connect({ servers: stream.url })
const persons = new Persons(aggregates)
{
  await using eventStore = await openNatsStore(stream)
  await using application = new Application({ eventStore, viewStore: new MemoryViewStore(), aggregates: [person] })
  await application.start()
  const client = new NatsClient({ connection, subjectPrefix: stream.name })
  const dispatch = async (index: number): Promise<{ readonly position: number; readonly timestamp: string }> => {
    const sequence = (persons.versions[index] ?? 0) + 1
    persons.versions[index] = sequence
    const content = personCommandContent(sequence, persons.nextContent())
    return application.dispatch({ ...content, aggregateId: persons.ids[index] } as Command)
  }
  const show = async (index: number, afterPosition: number): Promise<PersonDocument | undefined> => {
    const parameters = { personId: persons.ids[index] ?? '' }
    return client.query<PersonDocument>({ queryType: getPerson.queryType, parameters, afterPosition, waitMs: 10_000 })
  }
  let next = 0
  await closedLoop(64, aggregates, async () => {
    const index = next++
    const { position } = await dispatch(index)
    if ((await show(index, position)) === undefined) throw new Error('A person who was registered is not shown.')
  })
  answer('ready')
  await answerAll<NatsCommanderRun>(async ({ perSecond, commands }) => {
    const acknowledged = new Float64Array(commands)
    const start = performance.now()
    const shown = await openLoop(perSecond, commands, async (number) => {
      const index = persons.choose(0, 1)
      const { position, timestamp } = await dispatch(index)
      acknowledged[number] = performance.now() - start - (number * 1000) / perSecond
      const document = await show(index, position)
      if (document === undefined || document.changedAt < timestamp) throw new Error('An older state was shown.')
    })
    acknowledged.sort()
    const outcome: NatsCommanderOutcome = {
      acknowledgedP50Ms: percentile(acknowledged, 0.5),
      acknowledgedP99Ms: percentile(acknowledged, 0.99),
      shownP50Ms: shown.p50Ms,
      shownP99Ms: shown.p99Ms,
    }
    return { ...outcome }
  })
}
await connection.close()
