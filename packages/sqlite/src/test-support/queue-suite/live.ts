/**
 * Queues commands, those of the life before again, while it executes what waits, and ends itself at its fault point. Writes a
 * line for each acknowledgment that it gets, before it goes on.
 * Arguments: the folder, and the life as JSON.
 */

import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { Application, type Command, type CommandAcknowledgment } from '@cim/core'
import { SqliteEventStore } from '../../sqlite-event-store.ts'
import { SqliteViewStore } from '../../sqlite-view-store.ts'
import { FaultPoints } from '../fault-suite/fault-points.ts'
import { commandsOf, counterDefinition, type QueueLife } from './counter.ts'

const [folder = '', json = ''] = process.argv.slice(2)
const { seed, number, fault } = JSON.parse(json) as QueueLife
const points = new FaultPoints(fault)
points.watchStatements()

const eventStore = points.eventStore(new SqliteEventStore({ path: join(folder, 'events.db') }))
const viewStore = points.viewStore(new SqliteViewStore({ path: join(folder, 'views.db') }))
const application = new Application({
  eventStore,
  viewStore,
  aggregates: [counterDefinition],
  processors: { batchSize: 4, failures: { retryDelay: { firstMs: 2, mostMs: 10 } } },
  commandQueue: { concurrency: 4 },
})

function tell(acknowledgment: CommandAcknowledgment): void {
  writeSync(1, `acknowledged ${JSON.stringify(acknowledgment)}\n`)
}

async function send(commands: readonly Command[]): Promise<void> {
  for (const command of commands) tell(await application.dispatch(command, { mode: 'async' }))
}

await application.start()
// What was sent before the kill may have been stored or not: to send it again must do no harm.
const commands = [...commandsOf(seed, number - 1), ...commandsOf(seed, number)]
const half = commands.length / 2
await Promise.all([send(commands.slice(0, half)), send(commands.slice(half))])
await Promise.all(
  commands.map(async ({ commandId = '' }) => tell(await application.acknowledgmentOf(commandId, { waitMs: 30_000 }))),
)
await application.processing.drain('CommandQueue')
if (fault !== undefined) process.kill(process.pid, 'SIGKILL')
await application.stop()
await viewStore.close()
await eventStore.close()
