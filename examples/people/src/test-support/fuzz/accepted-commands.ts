/** What the service has acknowledged, to be compared with its log. */

import assert from 'node:assert/strict'
import type { RawAnswer } from './answer-parser.ts'
import { smuggledPrefix } from './broken-bytes.ts'
import type { HealthyClient } from './healthy-client.ts'

interface Acknowledgment {
  readonly status: string
  readonly commandId: string
  readonly aggregateId: string
  readonly version: number
  readonly position: number
}

interface StoredEvent {
  readonly aggregateType: string
  readonly aggregateId: string
  readonly sequence: number
  readonly position: number
  readonly metadata: { readonly commandId?: string }
}

interface EventPage {
  readonly events: readonly StoredEvent[]
  readonly position: number
  readonly isEnd: boolean
}

/** What always makes an event: nothing is there already. */
const creates = /^\/commands\/(Create|Start)/

/** See above. */
export class AcceptedCommands {
  readonly #accepted: (Acknowledgment & { readonly isNew: boolean })[] = []
  readonly #pending = new Set<string>()

  get count(): number {
    return this.#accepted.length
  }

  /** @param path of the operation; undefined when it is not known @param answer to a command, or to anything else */
  note(path: string | undefined, { status, headers, body }: RawAnswer): void {
    if (!headers.has('x-correlation-id') || (status !== 200 && status !== 202)) return
    const acknowledgment = JSON.parse(body) as Acknowledgment
    if (acknowledgment.status === 'Pending') this.#pending.add(acknowledgment.commandId)
    else this.#accepted.push({ ...acknowledgment, isNew: path !== undefined && creates.test(path) })
  }

  /** Reads the whole log. @returns how many events there are */
  async assertStoredOnce(client: HealthyClient): Promise<number> {
    for (const commandId of this.#pending) {
      // Paths with these two mean others.
      if (commandId === '.' || commandId === '..') continue
      const { status } = await client.get<Acknowledgment>(`/commands/${encodeURIComponent(commandId)}?wait=30000`)
      assert.ok(status === 'Accepted' || status === 'Rejected', `${commandId} is ${status}`)
    }
    const events = new Map<number, StoredEvent>()
    const commands = new Set<string>()
    const versions = new Map<string, number>()
    for (let page: EventPage = { events: [], position: 0, isEnd: false }; !page.isEnd; ) {
      page = await client.get<EventPage>(`/events?after=${page.position}&limit=1000`)
      for (const event of page.events) {
        const { aggregateType, aggregateId, sequence, position, metadata } = event
        const aggregate = `${aggregateType} ${aggregateId}`
        assert.ok(!aggregateId.startsWith(smuggledPrefix), `${aggregateId} was hidden in another request`)
        assert.equal(sequence, (versions.get(aggregate) ?? 0) + 1, `${aggregate} has a gap or a duplicate`)
        // The same id may be used for several aggregates. The journal of a saga names the command that a note is about.
        const command = `${metadata.commandId} ${aggregate}`
        assert.ok(!commands.has(command) || aggregateType === 'HiringProcess', `${command} is there twice`)
        commands.add(command)
        versions.set(aggregate, sequence)
        events.set(position, event)
      }
    }
    for (const acknowledgment of this.#accepted) assertStored(events.get(acknowledgment.position), acknowledgment)
    return events.size
  }
}

/** A command that changes nothing is answered with the newest event. One that creates something never is. */
function assertStored(
  event: StoredEvent | undefined,
  { commandId, aggregateId, version, position, isNew }: Acknowledgment & { readonly isNew: boolean },
): void {
  const place = `${commandId} was accepted at position ${position}`
  assert.deepEqual([event?.aggregateId, event?.sequence], [aggregateId, version], place)
  if (isNew) assert.equal(event?.metadata.commandId, commandId, place)
}
