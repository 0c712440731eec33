/**
 * A process that hires very many persons, for the test that kills it. Arguments as JSON: see {@link CrowdOptions}. Says
 * `hired <n>` when the first n persons have been created, and `ended` when every hiring has come to its end.
 */

import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Application, deriveUuid, type SagaDefinition } from '@cim/core'
import { SqliteEventStore, SqliteViewStore } from '@cim/sqlite'
import { aggregates, projections } from '../definitions.ts'
import { type EmploymentState, employment } from '../employment.ts'
import { defineHiringProcess, employmentOf } from '../hiring-process.ts'
import { classifyHRFailure, defineHRNotifier } from '../hr-notifier.ts'
import { organization } from '../organization.ts'
import { person } from '../person.ts'

/** What the process is told. */
export interface CrowdOptions {
  readonly folder: string
  readonly hrUrl: string
  readonly persons: number
  /** So many have been created for certain. */
  readonly hired: number
  /** The saga's functions do not fail any more, and whoever is stuck is retried. */
  readonly isMended: boolean
}

/** How a person's hiring goes, by its number. One of a hundred each, most hirings are ordinary. */
export function fateOf(index: number): 'ordinary' | 'refused' | 'poison-at-start' | 'poison-later' | 'dissolved' {
  switch (index % 200) {
    case 11:
    case 111:
      return 'refused'
    case 22:
      return 'poison-at-start'
    case 122:
      return 'poison-later'
    case 33:
      return 'dissolved'
    default:
      return 'ordinary'
  }
}

/** @returns the id of a person of the crowd */
export function crowdPersonId(index: number): string {
  return deriveUuid('Crowd', String(index))
}

async function run({ folder, hrUrl, persons, hired, isMended }: CrowdOptions): Promise<void> {
  await using eventStore = new SqliteEventStore({ path: join(folder, 'events.sqlite') })
  await using viewStore = new SqliteViewStore({ path: join(folder, 'views.sqlite') })
  const hrNotifier = defineHRNotifier(
    { url: hrUrl },
    {
      dispatch: (command) => application.dispatch(command),
      employment: async (id) => (await application.stateAt('Employment', id)).state as EmploymentState,
    },
  )
  await using application: Application = new Application({
    eventStore,
    viewStore,
    snapshotStore: eventStore.snapshotStore,
    aggregates,
    projections,
    reactions: [hrNotifier],
    sagas: [isMended ? defineHiringProcess() : poisoned(defineHiringProcess())],
    processors: { concurrency: 32, failures: { classify: classifyHRFailure, retryDelay: { firstMs: 5, mostMs: 50 } } },
  })
  await application.start()
  await hireAll(application, persons, hired)
  const isOver = async (): Promise<boolean> => {
    const [overview] = await application.sagas.overview()
    const { Completed = 0, Failed = 0 } = overview?.totals ?? {}
    return Completed + Failed === persons
  }
  while (!(await isOver())) {
    if (isMended) {
      const stuck = await application.sagas.find({ sagaName: 'HiringProcess', status: 'Stuck', limit: 1000 })
      await Promise.all(stuck.map(({ sagaId }) => application.sagas.retry('HiringProcess', sagaId)))
    }
    await delay(50)
  }
  console.log('ended')
}

/** The saga as somebody has deployed it who had not thought of everything. */
function poisoned(saga: SagaDefinition): SagaDefinition {
  const bad = new Map(Array.from({ length: 20_000 }, (_, index) => [crowdPersonId(index), fateOf(index)]))
  return {
    ...saga,
    onEvent(state, event, context) {
      const fate = bad.get(context.sagaId)
      const isFirst = event.eventType === 'PersonCreated'
      if (fate === 'poison-at-start' && isFirst) throw new Error('Nobody had thought of that.')
      if (fate === 'poison-later' && !isFirst) throw new Error('Nobody had thought of this.')
      return saga.onEvent(state, event, context)
    },
  }
}

async function hireAll(application: Application, persons: number, hired: number): Promise<void> {
  const closing = { aggregateId: organization.id('closing'), commandId: 'create closing' }
  await application.dispatch(organization.command('CreateOrganization', { name: 'Closing' }, closing))
  const opening = { aggregateId: organization.id('closing'), commandId: 'open closing' }
  await application.dispatch(organization.command('ChangeOrganizationStatus', { status: 'Active' }, opening))
  const underWay = new Set<number>()
  let next = hired
  const call = async (): Promise<void> => {
    while (next < persons) {
      const index = next++
      underWay.add(index)
      await hire(application, index)
      if (index === Math.floor(persons / 2)) await dissolve(application)
      underWay.delete(index)
      if (index % 20 === 0) console.log(`hired ${Math.min(next, ...underWay)}`)
    }
  }
  await Promise.all(Array.from({ length: callers }, call))
  console.log(`hired ${persons}`)
}

const callers = 64

async function hire(application: Application, index: number): Promise<void> {
  const personId = person.id(crowdPersonId(index))
  const fate = fateOf(index)
  const organizationId = organization.id(fate === 'dissolved' ? 'closing' : `works-${index % 10}`)
  const hiring = { organizationId, role: 'Analyst', startDate: '2026-07-01' }
  if (fate === 'refused') {
    // Somebody has employed her already, under the id that her hiring would give it.
    const to = { aggregateId: employmentOf(personId), commandId: `employ ${index}` }
    await application.dispatch(employment.command('StartEmployment', { personId, ...hiring }, to))
  }
  const to = { aggregateId: personId, commandId: `hire ${index}` }
  await application.dispatch(person.command('CreatePerson', { legalName: `Person ${index}`, hiring }, to))
}

async function dissolve(application: Application): Promise<void> {
  const to = { aggregateId: organization.id('closing'), commandId: 'dissolve closing' }
  const { status, reason } = await application.dispatch(
    organization.command('DissolveOrganization', { reason: 'It has closed.' }, to),
  )
  if (status !== 'Accepted') throw new Error(`The organization could not be dissolved: ${reason?.message}`)
}

if (process.argv[1] === import.meta.filename) await run(JSON.parse(process.argv[2] ?? '') as CrowdOptions)
