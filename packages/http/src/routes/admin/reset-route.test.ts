import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineReaction } from '@cim/core'
import { createHttpApi } from '../../index.ts'
import { startApplication } from '../../test-support/fixture.ts'
import { person } from '../../test-support/people.ts'

const confirmed = { confirm: 'Notifier', mayRepeatEffects: true }

test('POST /admin/processors/{reaction}/reset moves a reaction back, and refuses any other position', async () => {
  const seen: (readonly [id: string, isReplay: boolean])[] = []
  const notifier = defineReaction('Notifier', {
    from: [person],
    on: { PersonCreated: ({ aggregateId }, { isReplay }) => void seen.push([aggregateId, isReplay]) },
  })
  const { application } = await startApplication({ reactions: [notifier] })
  const faults: unknown[] = []
  const api = createHttpApi({ application, onError: (error) => faults.push(error) })
  const post = (path: string, body: object): Promise<Response> =>
    api.request(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  await post('/commands/CreatePerson', { aggregateId: 'ada', data: { legalName: 'Ada' } })
  await application.processing.drain('Notifier')
  const path = '/admin/processors/Notifier/reset'
  for (const body of [
    { position: -1, ...confirmed },
    { position: 0.5, ...confirmed },
    { position: 2 ** 53, ...confirmed },
    { position: 2, ...confirmed },
    { position: 0, ...confirmed, confirm: 'notifier' },
    { position: 0, ...confirmed, mayRepeatEffects: false },
    confirmed,
  ]) {
    const answer = await post(path, body)
    const { code } = (await answer.json()) as { readonly code: string }
    assert.deepEqual([answer.status, code], [400, 'validation'], JSON.stringify(body))
  }
  assert.deepEqual(faults, [])
  assert.equal((await post(path, { position: 0, ...confirmed })).status, 200)
  await application.processing.drain('Notifier')
  assert.deepEqual(seen, [
    ['ada', false],
    ['ada', true],
  ])
})
