import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Service, serve } from '../../test-support/fixture.ts'
import { memberOf, post } from './admin-fixture.test.ts'

type Build = { readonly key: string; readonly state: string; readonly etaSeconds?: number }

const path = '/admin/views/PersonView'

async function states(service: Service): Promise<readonly string[]> {
  const answer = await service.send('/admin/views')
  return memberOf<readonly Build[]>(answer, 'builds').map(({ key, state }) => `${key} ${state}`)
}

describe('/admin/views', () => {
  test('builds a view anew, compares, promotes, rolls back and drops it', async () => {
    await using service = await serve()
    await service.createPerson('ada')
    const rebuilt = await post(service, `${path}/rebuild`)
    assert.deepEqual([rebuilt.status, memberOf(rebuilt, 'key')], [200, 'PersonView@1.2'])
    assert.deepEqual(await states(service), ['PersonView@1 live', 'PersonView@1.2 building'])
    const compared = await post(service, `${path}/builds/PersonView@1.2/compare`, { sampleSize: 10 })
    assert.equal(compared.status, 200)
    assert.deepEqual(
      ['documents', 'compared', 'different'].map((name) => memberOf(compared, name)),
      [{ live: 1, other: 1 }, 1, 0],
    )
    const promoted = await post(service, `${path}/builds/PersonView%401.2/promote`)
    assert.equal(promoted.status, 200)
    const [, build] = memberOf<readonly Build[]>(promoted, 'builds')
    assert.deepEqual([build?.state, build?.etaSeconds], ['live', 0])
    assert.equal((await service.send('/queries/GetPersonById?id=ada')).status, 200)
    const back = await post(service, `${path}/rollback`)
    assert.deepEqual([back.status, memberOf(back, 'key')], [200, 'PersonView@1'])
    const live = await post(service, `${path}/builds/PersonView@1/drop`)
    assert.deepEqual([live.status, memberOf(live, 'code')], [409, 'view-live'])
    assert.equal((await post(service, `${path}/builds/PersonView@1.2/drop`)).status, 200)
    assert.deepEqual(await states(service), ['PersonView@1 live'])
  })

  test('says what does not exist, and what a request may hold', async () => {
    await using service = await serve()
    for (const answer of [
      await service.send('/admin/views/NoView'),
      await post(service, '/admin/views/NoView/rebuild'),
    ]) {
      assert.deepEqual([answer.status, memberOf(answer, 'code')], [404, 'unknown-view'])
    }
    for (const verb of ['compare', 'promote', 'drop']) {
      const answer = await post(service, `${path}/builds/PersonView@7/${verb}`)
      assert.deepEqual([answer.status, memberOf(answer, 'code')], [404, 'unknown-view-build'])
    }
    assert.equal((await post(service, `${path}/rollback`)).status, 404)
    for (const body of [
      { sampleSize: 'all' },
      { sampleSize: 0 },
      { sampleSize: 100_001 },
      { sampleSize: 1.5 },
      { sample: 1 },
    ]) {
      assert.equal((await post(service, `${path}/builds/PersonView@1/compare`, body)).status, 400)
    }
  })
})
