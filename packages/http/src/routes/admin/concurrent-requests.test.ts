/** Several operators, or one whose requests are repeated by a proxy, steer the service at the same time. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Answer } from '../../test-support/answer.ts'
import { serve } from '../../test-support/fixture.ts'
import { memberOf, parked, post, processor, serveWithDeadLetters } from './admin-fixture.test.ts'

const letters = `/admin/dead-letters/${processor}`
const view = '/admin/views/PersonView'
const reason = 'Broken by the import of 2019.'
const allowed = new Set([200, 404, 409])

function assertAnswered(answers: readonly Answer[]): void {
  for (const { status, text } of answers) assert.ok(allowed.has(status), `${status} ${text}`)
}

const times = <TItem>(count: number, make: (index: number) => TItem): readonly TItem[] =>
  Array.from({ length: count }, (_, index) => make(index))

test('a sequence that is discarded many times at once is discarded once', { timeout: 30_000 }, async () => {
  await using service = await serveWithDeadLetters()
  const answers = await Promise.all([
    ...times(20, () => post(service, `${letters}/Person/ada/discard`, { reason })),
    ...times(20, () => post(service, `${letters}/discard`, { reason, filter: { aggregateId: 'grace' } })),
  ])
  assertAnswered(answers)
  const counts = answers.map((answer) => (answer.status === 200 ? memberOf<number>(answer, 'sequenceCount') : 0))
  assert.equal(
    counts.slice(0, 20).reduce((sum, count) => sum + count),
    1,
  )
  assert.equal(
    counts.slice(20).reduce((sum, count) => sum + count),
    1,
  )
  const records = memberOf<readonly unknown[]>(await service.send(`${letters}/discarded`), 'discarded')
  assert.equal(records.length, 2)
  await parked(service, 0)
  assert.deepEqual(service.faults, [])
})

test('retries, discards, pauses and audits at once are all answered, and what was not discarded is held back', {
  timeout: 60_000,
}, async () => {
  await using service = await serveWithDeadLetters()
  const requests = times(15, (index) => [
    post(service, `${letters}/retry`),
    post(service, `${letters}/Person/ada/retry`),
    post(service, `${letters}/Person/grace/retry`, { dryRun: index % 2 === 0 }),
    post(service, `/admin/processors/${processor}/${index % 2 === 0 ? 'pause' : 'resume'}`),
    post(service, `/admin/processors/${processor}/audit`),
    service.send('/admin/dead-letters'),
    ...(index === 7 ? [post(service, `${letters}/Person/ada/discard`, { reason, firstOnly: true })] : []),
  ])
  assertAnswered(await Promise.all(requests.flat()))
  assert.equal((await post(service, `/admin/processors/${processor}/resume`)).status, 200)
  await post(service, `${letters}/retry`)
  const discarded = memberOf<readonly object[]>(await service.send(`${letters}/discarded`), 'discarded')
  await parked(service, 2 - discarded.length)
  const email = (await service.send('/queries/GetPersonById?id=ada')).text.includes('ada@example.org')
  assert.equal(email, discarded.length === 1)
  assert.deepEqual(service.faults, [])
})

test('builds that are begun, promoted, rolled back and dropped at once leave one that is live and whole', {
  timeout: 60_000,
}, async () => {
  await using service = await serve()
  for (let index = 0; index < 30; index++) await service.createPerson(`p${index}`)
  const rebuilt = await Promise.all(times(4, () => post(service, `${view}/rebuild`)))
  assertAnswered(rebuilt)
  const keys = rebuilt.map((answer) => memberOf<string>(answer, 'key'))
  const requests = keys.flatMap((key, index) => [
    post(service, `${view}/builds/${key}/promote`),
    post(service, `${view}/builds/${key}/compare`, { sampleSize: 5 }),
    post(service, `${view}/builds/${key}/promote`),
    post(service, `${view}/rollback`),
    ...(index % 2 === 0 ? [post(service, `${view}/builds/${key}/drop`)] : []),
    service.createPerson(`during-${index}`),
  ])
  const answers = (await Promise.all(requests)).filter((answer) => typeof answer !== 'string')
  assertAnswered(answers)
  const builds = memberOf<readonly { readonly state: string }[]>(await service.send(view), 'builds')
  assert.equal(builds.filter(({ state }) => state === 'live').length, 1)
  const head = await service.eventStore.headPosition()
  for (const id of ['p0', 'p29', 'during-0', 'during-3']) {
    assert.equal((await service.send(`/queries/GetPersonById?id=${id}&after=${head}&wait=10000`)).status, 200, id)
  }
  assert.deepEqual(service.faults, [])
})
