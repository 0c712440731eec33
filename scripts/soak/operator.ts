// Builds views anew, compares and promotes them, and drops what they replace, over all restarts of the service.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SoakClient } from './soak-client.ts'
import type { Tally } from './tally.ts'

type Build = { readonly key: string; readonly state: 'building' | 'live' | 'retired' }

const VIEWS = ['PersonView', 'EmploymentView', 'HiringView', 'OrganizationView']

export async function operate(client: SoakClient, tally: Tally, pauseMs: number, stop: AbortSignal): Promise<void> {
  for (let round = 0; !stop.aborted; round++) {
    await rebuildOnce(client, tally, VIEWS[round % VIEWS.length] ?? '')
    await sleep(pauseMs, undefined, { signal: stop }).catch(() => undefined)
  }
}

async function rebuildOnce(client: SoakClient, tally: Tally, view: string): Promise<void> {
  const path = `/admin/views/${view}`
  const { status, body } = await client.post(`${path}/rebuild`)
  assert.equal(status, 200, `${view} cannot be built anew: ${JSON.stringify(body)}`)
  tally.rebuilds++
  const key = String(body.key)
  const compared = await client.post(`${path}/builds/${key}/compare`, { sampleSize: 100 })
  assert.equal(compared.status, 200, `${key} cannot be compared: ${JSON.stringify(compared.body)}`)
  assert.equal(compared.body.different, 0, `${key} differs from the view before: ${JSON.stringify(compared.body)}`)
  const promoted = await client.post(`${path}/builds/${key}/promote`)
  // Promoted already, when the answer to the first request was cut off.
  assert.ok([200, 409].includes(promoted.status), `${key} cannot be promoted: ${JSON.stringify(promoted.body)}`)
  const { builds } = (await client.ask(path)).body as { readonly builds: readonly Build[] }
  assert.deepEqual([builds.find((build) => build.key === key)?.state], ['live'], JSON.stringify(builds))
  tally.promotions++
  for (const build of builds) {
    if (build.state === 'live') continue
    const dropped = await client.post(`${path}/builds/${build.key}/drop`)
    assert.ok([200, 404].includes(dropped.status), `${build.key} cannot be dropped: ${JSON.stringify(dropped.body)}`)
  }
}
