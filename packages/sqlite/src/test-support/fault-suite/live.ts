/**
 * A life of the fault suite: an application on the files of a folder, with writers and an operator, that ends itself at its
 * fault point. Writes a line for each thing that it acknowledges, before it goes on.
 * Arguments: the folder, and the life as JSON.
 */

import { writeSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { join } from 'node:path'
import { Application, isCimError } from '@cim/core'
import { SqliteEventStore } from '../../sqlite-event-store.ts'
import { SqliteViewStore } from '../../sqlite-view-store.ts'
import { FaultPoints } from './fault-points.ts'
import { entry, entryDefinition, inlineLedger, ledgerOf, lettersOf, watcherOf } from './ledger.ts'
import { Operator } from './operator.ts'
import { commandsOf, type Life, writersPerLife } from './plan-life.ts'

const [folder = '', json = ''] = process.argv.slice(2)
const life = JSON.parse(json) as Life
// What is killed keeps nothing that would let the next ones start faster.
if (life.number === 1) flushCompileCache()
const isLast = life.fault === undefined
const points = new FaultPoints(life.fault)
points.watchStatements()

const path = join(folder, 'views.db')
const eventStore = points.eventStore(
  new SqliteEventStore({ path: join(folder, 'events.db'), inlineProjections: [inlineLedger()] }),
)
const viewStore = points.viewStore(new SqliteViewStore({ path }))
const handlerTimeoutMs = isLast ? 10_000 : 25
const circumstances = {
  isMended: isLast,
  handlerTimeoutMs,
  effectsPath: join(folder, 'effects.jsonl'),
  reach: (point: string) => points.reach(point),
}
const application = new Application({
  eventStore,
  viewStore,
  aggregates: [entryDefinition],
  projections: [ledgerOf(circumstances), watcherOf(circumstances)],
  reactions: [lettersOf(circumstances)],
  processors: {
    batchSize: 8,
    eventsPerCheckpoint: 20,
    failures: { maxAttempts: 3, retryDelay: { firstMs: 2, mostMs: 10 } },
    leaseMs: 1000,
    concurrency: 4,
    handlerTimeoutMs,
    onError: (error) => {
      // Errors of the runtime itself: those of handlers are meant to come.
      if (isCimError(error) && error.code !== 'handler-timeout') writeSync(1, `error ${error.code} ${error.message}\n`)
    },
  },
})
const operator = new Operator({ application, viewStore, path, say: (line) => writeSync(1, `${line}\n`) })

async function write(writer: number): Promise<void> {
  // Commands of the life before may have been done or not: to send them again must do no harm.
  const before = commandsOf({ ...life, number: life.number - 1 }, writer).slice(2)
  const commands = [...(life.number > 1 ? before : []), ...commandsOf(life, writer)]
  for (const { commandId, aggregateId, data } of commands) {
    const command = entry.command('Record', data, { commandId, aggregateId: entry.id(aggregateId) })
    const { version, status } = await application.dispatch(command)
    writeSync(1, `acknowledged ${commandId} ${aggregateId} ${status} ${version}\n`)
  }
}

await application.start()
const writers = Array.from({ length: writersPerLife }, (_, writer) => write(writer))
await Promise.all([...writers, operator.act(life.actions)])
await operator.finish(isLast)
await application.stop()
await viewStore.close()
await eventStore.close()
if (!isLast) process.kill(process.pid, 'SIGKILL')
