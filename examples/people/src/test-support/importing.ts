/** An import that goes on while the service it is sent to ends badly, and what must be there afterwards. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type CommandAcknowledgment, type DomainEventEnvelope, Signal } from '@cim/core'
import { SqliteEventStore } from '@cim/sqlite'
import { CommandClient } from '../import-congress/command-client.ts'
import type { CommandChain } from '../import-congress/congress-commands.ts'
import { type SendSummary, sendChains } from '../import-congress/send-chains.ts'
import { ServiceProcess, type ServiceProcessOptions } from './service-process.ts'

/** What the service has acknowledged so far. */
export class Acknowledgments {
  readonly all: CommandAcknowledgment[] = []
  readonly #added = new Signal()

  add(acknowledgment: CommandAcknowledgment): void {
    this.all.push(acknowledgment)
    this.#added.notify()
  }

  async reach(count: number): Promise<void> {
    while (this.all.length < count) await this.#added.wait(this.#added.count, { timeoutMs: 60_000 })
  }
}

/** A service that is killed after the test at the latest. */
export async function startService(context: TestContext, options: ServiceProcessOptions): Promise<ServiceProcess> {
  const service = await ServiceProcess.start(options)
  context.after(() => service.end('SIGKILL'))
  return service
}

/** Sends every command until it is answered, whatever becomes of the service meanwhile. */
export async function importOver(
  url: string,
  chains: readonly CommandChain[],
  acknowledgments: Acknowledgments,
): Promise<SendSummary> {
  const client = new CommandClient({ url })
  const headBefore = await client.headPosition()
  return sendChains(chains, (command, signal) => client.send(command, signal), {
    headBefore,
    onAcknowledgment: (_, acknowledgment) => acknowledgments.add(acknowledgment),
  })
}

/**
 * Looks into the file that the killed service has left.
 * @returns how many events there are
 */
export async function assertNothingLost(
  dataFolder: string,
  acknowledged: readonly CommandAcknowledgment[],
): Promise<number> {
  await using eventStore = new SqliteEventStore({ path: join(dataFolder, 'events.sqlite') })
  const versions = new Map<string, number>()
  const byCommand = new Map<string | undefined, DomainEventEnvelope>()
  let count = 0
  let lastPosition = 0
  for (let isEnd = false; !isEnd; ) {
    const page = await eventStore.readEvents({ afterPosition: lastPosition, limit: 10_000 })
    for (const event of page.events) {
      const version = versions.get(event.aggregateId) ?? 0
      assert.equal(event.sequence, version + 1, `${event.aggregateId} has a gap or a duplicate after ${version}`)
      assert.ok(event.position > lastPosition, `position ${event.position} comes after ${lastPosition}`)
      assert.ok(!byCommand.has(event.metadata.commandId), `${event.metadata.commandId} happened twice`)
      versions.set(event.aggregateId, event.sequence)
      byCommand.set(event.metadata.commandId, event)
      lastPosition = event.position
    }
    count += page.events.length
    isEnd = page.isEnd
  }
  for (const { status, commandId, aggregateId, version, position, timestamp } of acknowledged) {
    const event = byCommand.get(commandId)
    assert.ok(event !== undefined, `${commandId} was acknowledged and is lost`)
    const stored = [event.aggregateId, event.sequence, event.position, event.timestamp]
    assert.deepEqual(['Accepted', ...stored], [status, aggregateId, version, position, timestamp])
  }
  return count
}
