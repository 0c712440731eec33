/**
 * Fills the disk of a view store while an application projects into it, and makes room again once it has been told of that
 * several times. Writes down a line of JSON about each time.
 * Arguments: the folder of the event store, the folder of the view store, how many times, and a seed.
 */

import { closeSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { Application, isCimError, type ProjectionDefinition, Signal, waitForPosition } from '@cim/core'
import { SqliteEventStore } from '../sqlite-event-store.ts'
import { SqliteViewStore } from '../sqlite-view-store.ts'
import { account, type Balance, balances, deposit } from './inline-balances.ts'
import { allEvents } from './sample-events.ts'
import { seededRandom } from './seeded-random.ts'

const [events = '', views = '', times = '', seed = ''] = process.argv.slice(2)
const random = seededRandom(Number(seed))
const ballast = join(views, 'ballast')
const accounts = 40
/** So often it has failed: it goes on trying. */
const enoughErrors = 3

for (let time = 0; time < Number(times); time++) await fillOnce()

async function fillOnce(): Promise<void> {
  await using eventStore = new SqliteEventStore({ path: join(events, 'events.db') })
  await using viewStore = new SqliteViewStore({ path: join(views, 'views.db') })
  const failed = new Signal()
  const codes: string[] = []
  await using application = new Application({
    eventStore,
    viewStore,
    aggregates: [account],
    projections: [balances as ProjectionDefinition],
    processors: {
      failures: { maxAttempts: 2, retryDelay: { firstMs: 2, mostMs: 20 } },
      eventsPerCheckpoint: 20,
      onError: (error) => {
        codes.push(isCimError(error) ? error.code : String(error))
        failed.notify()
      },
    },
  })
  await application.start()
  await waitForPosition(viewStore, balances, { afterPosition: await eventStore.headPosition(), waitMs: 20_000 })
  fillDisk(random(30) * 4096)
  for (let turn = 0; codes.length < enoughErrors; turn++) {
    if (turn === 1000) throw new Error(`The disk of the views is full, and nobody says so: ${codes}`)
    await deposit(eventStore, `a-${random(accounts)}`, ...Array.from({ length: 1 + random(20) }, () => 1 + random(9)))
    await failed.wait(failed.count, { timeoutMs: 5 })
  }
  const head = await eventStore.headPosition()
  const checkpoint = await viewStore.getCheckpoint(balances)
  rmSync(ballast)
  await waitForPosition(viewStore, balances, { afterPosition: head, waitMs: 20_000 })
  const { verdict, heldBack } = await application.processing.audit(`${balances.viewName}@${balances.version}`)
  const wrong = await wrongBalances(eventStore, viewStore)
  const codesSaid = [...new Set(codes)]
  writeSync(
    1,
    `${JSON.stringify({ head, behind: head - checkpoint, codes: codesSaid, verdict, held: heldBack.events, wrong })}\n`,
  )
}

/** Leaves so many bytes at most. */
function fillDisk(left: number): void {
  const file = openSync(ballast, 'w')
  let size = 0
  try {
    for (const chunk = Buffer.alloc(4096); ; ) size += writeSync(file, chunk)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    ftruncateSync(file, Math.max(0, size - left))
  } finally {
    closeSync(file)
  }
}

/** @returns the accounts whose view is not what their events say */
async function wrongBalances(eventStore: SqliteEventStore, viewStore: SqliteViewStore): Promise<readonly string[]> {
  const byAccount = Map.groupBy(await allEvents(eventStore), ({ aggregateId }) => aggregateId)
  const documents = await viewStore.getMany(balances, [...byAccount.keys()])
  return [...byAccount].flatMap(([id, stored]) => {
    const { balance, positions } = documents.get(id) as Balance
    const sum = stored.reduce((total, { eventData }) => total + (eventData as { readonly amount: number }).amount, 0)
    const isRight = balance === sum && String(positions) === String(stored.map(({ position }) => position))
    return isRight ? [] : [id]
  })
}
