/** A service with sagas, for the tests of the administration. Tested itself when it is run by itself. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deadline, defineSaga, type SagaDefinition, step } from '@cim/core'
import { type ServeOptions, type Service, serve } from '../../test-support/fixture.ts'
import { person } from '../../test-support/people.ts'

/** Welcomes everybody who gives an address within a day. Cannot spell Grace. */
const welcome = defineSaga('Welcome', {
  from: [person],
  initialState: { name: '' },
  startedBy: { PersonCreated: ({ aggregateId }) => aggregateId },
  concerns: { EmailChanged: ({ aggregateId }) => aggregateId },
  on: {
    PersonCreated: (_, { aggregateId, data }) => {
      if (data.legalName === 'Grace') throw new Error('How is that spelled?')
      const note = person.command('TakeNote', { note: 'expected' }, { aggregateId })
      return {
        state: { name: data.legalName },
        commands: [step('Note', note)],
        deadlines: [deadline('Answer', { afterMs: 86_400_000 })],
      }
    },
    EmailChanged: () => ({ completed: true }),
  },
  onDeadline: { Answer: () => ({ failed: { code: 'no-answer', message: 'Nobody has answered.' } }) },
})

/** Counts nothing: it is there so that there are two. */
const farewell = defineSaga('Farewell', {
  from: [person],
  initialState: null,
  startedBy: { EmailChanged: ({ aggregateId }) => aggregateId },
  on: { EmailChanged: () => undefined },
})

/** @returns when every processor has done what there is */
export async function settled({ application, eventStore }: Service): Promise<void> {
  for (;;) {
    const head = await eventStore.headPosition()
    for (const name of application.processing.processorNames) await application.processing.drain(name)
    if (head === (await eventStore.headPosition())) return
  }
}

/** @returns a service where `ada` is expected to answer, `grace` is stuck, and `joan` was welcomed */
export async function serveWithSagas(options?: ServeOptions): Promise<Service> {
  const service = await serve({ sagas: [welcome as SagaDefinition, farewell as SagaDefinition], ...options })
  await service.createPerson('ada', 'Ada')
  await service.createPerson('grace', 'Grace')
  await service.createPerson('joan', 'Joan')
  await settled(service)
  await service.command('ChangeEmail', { aggregateId: 'joan', data: { newEmail: 'joan@example.org' } })
  await settled(service)
  return service
}

if (import.meta.main) {
  test('one is stuck, one runs and one is done', async () => {
    await using service = await serveWithSagas()
    const statuses = ['ada', 'grace', 'joan'].map(
      async (id) => (await service.application.sagas.get('Welcome', id))?.status,
    )
    assert.deepEqual(await Promise.all(statuses), ['Running', 'Stuck', 'Completed'])
  })
}
