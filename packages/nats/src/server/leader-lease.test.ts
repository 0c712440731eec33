import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NoAnswer } from './inbox.ts'
import { type LeaderInfo, LeaderLease } from './leader-lease.ts'

const hourMs = 3_600_000

/** @param silencesMs how long ago it has heard of each of the others; undefined for never */
function info(leader: string, silencesMs: readonly (number | undefined)[], { ageMs = hourMs } = {}): LeaderInfo {
  const now = 2 * hourMs
  const replicas = silencesMs.map((silence) => ({ active: silence === undefined ? 0 : silence * 1e6 + 1 }))
  const leader_since = new Date(now - ageMs).toISOString()
  return { ts: new Date(now).toISOString(), cluster: { leader, leader_since, replicas } }
}

/** A lease on leaders that say these things in turn, and the last one for ever. */
function leaseOn(first: LeaderInfo, ...more: readonly LeaderInfo[]) {
  const said = [first, ...more]
  const state = { asked: 0, server: 'n1' }
  const lease = new LeaderLease(
    () => state.server,
    async () => said[Math.min(state.asked++, said.length - 1)] ?? first,
  )
  return { lease, state }
}

const answer = async (): Promise<string> => 'answer'

describe('an answer', () => {
  test('is believed of a leader that has just heard of most of the others', async () => {
    for (const silences of [[1, undefined], [900, 5000], [2000, 2000], []]) {
      const { lease } = leaseOn(info('n1', silences, { ageMs: 1000 }))
      assert.equal(await lease.during(answer), 'answer')
    }
    const { lease } = leaseOn(info('n1', [1, 1, 5000, undefined], { ageMs: 1000 }))
    assert.equal(await lease.during(answer), 'answer')
  })

  test('is not believed of one that has not', async () => {
    for (const silences of [
      [4000, undefined],
      [undefined, undefined],
      [5000, 9000],
      [1, 5000, 5000, undefined],
    ]) {
      const { lease } = leaseOn(info('n1', silences, { ageMs: 1000 }))
      await assert.rejects(lease.during(answer), (error) => {
        return error instanceof NoAnswer && /the leader, n1, has not heard of most of the others/.test(error.message)
      })
    }
  })

  test('is asked of a leader once it has said twice that it is one, however long it was out of sight', async () => {
    // It stood still, and takes what its followers said before for new.
    const { lease, state } = leaseOn(info('n1', [1, 1]), info('n2', [1, 1]), info('n2', [1, 1]))
    const asked = await lease.during(async () => state.asked)
    assert.equal(asked, 3, 'nothing was asked before the second leader had said it twice')
  })

  test('is not waited for when a leader has just been elected, or is the only server', async () => {
    for (const said of [info('n1', [1, 1], { ageMs: 1000 }), info('n1', [])]) {
      const { lease, state } = leaseOn(said)
      await lease.during(answer)
      assert.equal(state.asked, 1)
    }
  })

  test('is asked again when another leader may have given it', async () => {
    const { lease, state } = leaseOn(info('n1', [1, 1], { ageMs: 1 }), info('n2', [1, 1], { ageMs: 1 }))
    const moved = lease.during(async () => {
      state.server = 'elsewhere'
      return 'answer'
    })
    await assert.rejects(moved, (error) => error instanceof NoAnswer && /the leader has changed/.test(error.message))
    assert.equal(await lease.during(answer), 'answer')
  })

  test('costs one question for many that ask at once', async () => {
    const { lease, state } = leaseOn(info('n1', [1, 1]))
    await Promise.all(Array.from({ length: 50 }, () => lease.during(answer)))
    assert.equal(state.asked, 2)
  })
})
