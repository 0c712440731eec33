/** A disk that fails now and then: nothing is acknowledged that is not there, and nothing is stored in part. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import type { DomainEventEnvelope } from '@cim/core'
import { Child } from './test-support/child.ts'
import { allEvents, openStore } from './test-support/sample-events.ts'
import { seededRandom } from './test-support/seeded-random.ts'
import { temporaryFolder } from './test-support/temporary-folder.ts'

type Line = {
  readonly commandId?: string
  readonly stored?: readonly DomainEventEnvelope[]
  readonly doing?: string
  readonly code?: string
  readonly message?: string
}

const rounds = Number(process.env.CIM_ROUNDS ?? 2)
const seed = Number(process.env.CIM_SEED ?? Date.now() % 1_000_000_000)
const random = seededRandom(seed)
const appends = 60

/** How many calls lie between two that fail: enough to open the store, which takes several attempts at times. */
const attacks = [
  { calls: 'pwrite64', least: 40, most: 120, codes: ['store-unavailable'] },
  { calls: 'fsync,fdatasync', least: 6, most: 15, codes: ['store-unavailable'] },
  // SQLite takes EIO from a read for a damaged file.
  { calls: 'pread64', least: 16, most: 32, codes: ['store-unavailable', 'store-corrupt'] },
]

describe('a disk that fails now and then', () => {
  for (const { calls, least, most, codes } of attacks) {
    test(`in ${calls} loses nothing that was acknowledged and leaves no append in part`, async (context) => {
      if (spawnSync('strace', ['-V']).status !== 0) return context.skip('strace is not installed')
      context.diagnostic(`CIM_SEED=${seed} repeats these errors`)
      let failed = 0
      let refused = 0
      let found = 0
      for (let round = 0; round < rounds; round++) {
        const first = 1 + random(most)
        const every = least + random(most - least)
        const ending = round % 2 === 0 ? 'kill' : 'close'
        const path = join(temporaryFolder(context), 'events.db')
        const lines = await appendThrough(path, `${calls}:error=EIO:when=${first}+${every}`, ending)
        const errors = lines.filter(({ code }) => code !== undefined)
        for (const { code = '', message = '' } of errors) assert.ok(codes.includes(code), message)
        failed += errors.length
        refused += errors.filter(({ doing }) => doing === 'append').length
        found += await checkStore(context, path, lines)
      }
      assert.ok(failed > 0, 'nothing failed')
      context.diagnostic(
        `${failed} calls failed; ${refused} appends were refused, ${found} of them were there after a restart`,
      )
    })
  }

  test('for good while it syncs says that it is not known what became of an append, which may be there after a restart', async (context) => {
    if (spawnSync('strace', ['-V']).status !== 0) return context.skip('strace is not installed')
    const path = join(temporaryFolder(context), 'events.db')
    const lines = await appendThrough(path, `fsync,fdatasync:error=EIO:when=${20 + random(20)}+`, 'kill')
    const refused = lines.filter(({ doing }) => doing === 'append')
    assert.ok(refused.length > 0)
    for (const { message } of refused)
      assert.match(message ?? '', /It is not known whether it is stored.*Repeat it unchanged/)
    // SQLite finds what was written and not synced when it opens the file again: whole, or not at all.
    assert.ok((await checkStore(context, path, lines)) > 0)
  })
})

async function appendThrough(path: string, injection: string, ending: string): Promise<readonly Line[]> {
  const files = [path, `${path}-wal`].flatMap((file) => ['-P', file])
  const launcher = ['strace', '-f', '-o', '/dev/null', ...files, '-e', `inject=${injection}`]
  await using child = new Child('append-through-errors.ts', {
    args: [path, String(random(1_000_000)), String(appends), ending],
    launcher,
  })
  const outcome = await child.ended(AbortSignal.timeout(60_000))
  assert.equal(outcome, ending === 'kill' ? 'SIGKILL' : 0, child.errors)
  return child.lines.map((line) => JSON.parse(line) as Line)
}

/** @returns how many appends are stored that were refused */
async function checkStore(context: TestContext, path: string, lines: readonly Line[]): Promise<number> {
  const store = openStore(context, path)
  const log = await allEvents(store)
  for (const { stored = [] } of lines) {
    for (const event of stored) assert.deepEqual(log[event.position - 1], event)
  }
  const batches = Map.groupBy(log, ({ metadata }) => metadata.commandId)
  for (const events of batches.values()) {
    const places = events.map(({ eventData }) => (eventData as { readonly place: number }).place)
    const [size] = events.map(({ eventData }) => (eventData as { readonly size: number }).size)
    assert.deepEqual(places, [...Array(size).keys()], 'an append is stored whole or not at all')
  }
  assert.deepEqual(await store.verify(), { events: log.length, problemCount: 0, problems: [] })
  await store.close()
  const refused = lines.filter(({ doing }) => doing === 'append')
  return refused.filter(({ commandId }) => batches.has(commandId)).length
}
