/** Looks at what a process has left behind, and compares it with what its events say. */

import assert from 'node:assert/strict'
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import {
  auditProcessor,
  type DeadLetterSequence,
  type DomainEventEnvelope,
  type EventStore,
  type ProcessorProgress,
  type ProjectionDefinition,
  type StoredView,
  type ViewStore,
  viewKey,
} from '@cim/core'
import { SqliteEventStore } from '../../sqlite-event-store.ts'
import { SqliteViewStore } from '../../sqlite-view-store.ts'
import { allEvents } from '../sample-events.ts'
import { eventsInEffect, expectedViews, type LeftOut, overtaken } from './expected-views.ts'
import { handledTypes, inlineLedger, type LedgerView, ledgerOf, lettersOf, onlooker, watcherOf } from './ledger.ts'

/** What was found. */
export interface Findings {
  readonly events: readonly DomainEventEnvelope[]
  readonly views: readonly StoredView[]
  /** Records of given up events, by processor. */
  readonly discarded: ReadonlyMap<string, number>
}

const projections = new Map([ledgerOf(onlooker), watcherOf(onlooker)].map((one) => [one.viewName, one]))
const letters = lettersOf(onlooker)
const none: LeftOut = { held: [], discarded: [] }

/**
 * Checks a copy of the files, so that the next process finds them as they are.
 * @param isFinished whether all work must be done
 */
export async function inspect(folder: string, isFinished: boolean): Promise<Findings> {
  const copy = `${folder}-copy`
  cpSync(folder, copy, { recursive: true })
  try {
    const inlineProjections = [inlineLedger()]
    await using eventStore = new SqliteEventStore({ path: join(copy, 'events.db'), inlineProjections })
    await checkInline(eventStore)
    await using viewStore = new SqliteViewStore({ path: join(copy, 'views.db') })
    return await inspectStores({ eventStore, viewStore, effectsPath: join(copy, 'effects.jsonl'), isFinished })
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

/** What {@link inspectStores} looks at. */
export interface Inspected {
  readonly eventStore: EventStore
  readonly viewStore: ViewStore
  readonly effectsPath: string
  /** Whether all work must be done. */
  readonly isFinished: boolean
  /** Whether there is a reaction at all. */
  readonly hasReaction?: boolean
}

/** Compares views, progress, dead letters and effects with the events. */
export async function inspectStores(inspected: Inspected): Promise<Findings> {
  return new Inspection(inspected).run()
}

interface Effect {
  readonly idempotencyKey: string
  readonly isReplay: boolean
  readonly position: number
  readonly aggregateId: string
  readonly sequence: number
}

class Inspection {
  readonly #inspected: Inspected
  readonly #eventStore: EventStore
  readonly #viewStore: ViewStore
  readonly #isFinished: boolean
  readonly #discarded = new Map<string, number>()
  #events: readonly DomainEventEnvelope[] = []

  constructor(inspected: Inspected) {
    this.#inspected = inspected
    this.#eventStore = inspected.eventStore
    this.#viewStore = inspected.viewStore
    this.#isFinished = inspected.isFinished
  }

  async run(): Promise<Findings> {
    this.#events = await allEvents(this.#eventStore)
    const views = await this.#viewStore.listViews()
    for (const view of views) await this.#checkView(view)
    const { hasReaction = true, effectsPath } = this.#inspected
    if (hasReaction) await this.#checkReaction(readEffects(effectsPath))
    return { events: this.#events, views, discarded: this.#discarded }
  }

  async #checkView(stored: StoredView): Promise<void> {
    const definition = { ...projections.get(stored.viewName), build: stored.build } as ProjectionDefinition
    const key = viewKey(stored)
    const handled = handledTypes[stored.viewName as 'LedgerView' | 'WatcherView']
    const progress = await this.#viewStore.progressStore.readProgress(key)
    assert.equal(stored.checkpoint, progress?.position ?? 0, `${key}: view and processor are at the same place`)
    const isRun = stored.state !== 'retired'
    const inEffect = await this.#checkProcessor(key, handled, definition.subjectPatterns, progress, isRun)
    await this.#viewStore.openView(definition)
    const documents = await this.#documentsOf(definition)
    const positions = new Map(inEffect.map((event) => [event.position, event]))
    for (const [id, { kind, numbers }] of documents) {
      if (kind !== 'group') continue
      const places = numbers.flatMap((position) => positions.get(position) ?? [])
      assert.deepEqual(overtaken(places), [], `${key}, ${id}: order is kept`)
      documents.set(id, { kind, numbers: numbers.toSorted((one, other) => one - other) })
    }
    const expected = expectedViews(inEffect)
    assert.deepEqual(sorted(documents), sorted(expected), `${key} holds what its events say`)
    for (const kind of ['aggregate', 'group', 'event']) {
      const found = await this.#viewStore.count(definition, 'kind', kind)
      assert.equal(
        found,
        [...expected.values()].filter((view) => view.kind === kind).length,
        `${key}: index of ${kind}`,
      )
    }
  }

  async #documentsOf(view: ProjectionDefinition): Promise<Map<string, LedgerView>> {
    const documents = new Map<string, LedgerView>()
    for (let afterId: string | undefined; ; ) {
      const rows = await this.#viewStore.list(view, { limit: 10_000, ...(afterId === undefined ? {} : { afterId }) })
      for (const row of rows) documents.set(row.id, row.view as LedgerView)
      if (rows.length < 10_000) return documents
      afterId = rows.at(-1)?.id
    }
  }

  /** @returns the events that must be in effect */
  async #checkProcessor(
    processorName: string,
    handledTypes: readonly string[],
    subjectPatterns: readonly string[],
    progress: ProcessorProgress | undefined,
    isRun: boolean,
  ): Promise<readonly DomainEventEnvelope[]> {
    const { progressStore } = this.#viewStore
    const position = progress?.position ?? 0
    assert.ok(position <= this.#events.length, `${processorName} is not ahead of the log`)
    const seen = this.#events.filter((event) => handledTypes.includes(event.eventType) && event.position <= position)
    assert.equal(progress?.seen.count ?? 0, seen.length, `${processorName} has seen every event once`)
    const audited = { eventStore: this.#eventStore, progressStore, processorName, subjectPatterns }
    const audit = await auditProcessor(audited, { batchSize: 10_000 })
    assert.equal(audit.verdict, 'complete', `${processorName}: ${audit.message}`)
    const { sequences: held } = await progressStore.listDeadLetters(processorName, { limit: 1000 })
    for (const sequence of held) this.#checkHeld(sequence, seen)
    const discarded = await progressStore.listDiscarded(processorName, 1000)
    this.#discarded.set(processorName, discarded.length)
    for (const record of discarded) {
      const given = seen.filter((event) => isWithin(record, event))
      assert.equal(given.length, record.eventCount, `${processorName}: the record of what was given up is right`)
    }
    if (this.#isFinished && isRun) {
      assert.equal(position, this.#events.length, `${processorName} has done everything`)
      assert.deepEqual(held, [], `${processorName} holds nothing back`)
    }
    return eventsInEffect(seen, progress === undefined ? none : { held, discarded })
  }

  #checkHeld(held: DeadLetterSequence, seen: readonly DomainEventEnvelope[]): void {
    const of = seen.filter(({ aggregateId }) => aggregateId === held.aggregateId)
    const waiting = of.filter((event) => event.sequence >= held.fromSequence)
    const subject = `${held.processorName}, ${held.aggregateId}: `
    assert.equal(held.eventCount, waiting.length, `${subject}every event since the failed one waits`)
    assert.equal(held.toSequence, waiting.at(-1)?.sequence, `${subject}the newest one too`)
  }

  async #checkReaction(effects: readonly Effect[]): Promise<void> {
    const progress = await this.#viewStore.progressStore.readProgress('Letters')
    const { subjectPatterns } = letters
    const inEffect = await this.#checkProcessor('Letters', handledTypes.Letters, subjectPatterns, progress, true)
    for (const { idempotencyKey, isReplay, position } of effects) {
      assert.equal(
        idempotencyKey,
        `Letters:${this.#events[position - 1]?.eventId}`,
        'a repeated effect has the same key',
      )
      assert.equal(isReplay, false)
    }
    const made = new Set<string>()
    const first = effects.filter(({ idempotencyKey: key }) => !made.has(key) && made.add(key))
    for (const { eventId, position } of inEffect) {
      assert.ok(made.has(`Letters:${eventId}`), `the effect of the event at ${position} was made`)
    }
    for (const { aggregateId } of overtaken(first)) {
      const order = first.filter((effect) => effect.aggregateId === aggregateId).map(({ sequence }) => sequence)
      const stored = this.#events.filter((event) => event.aggregateId === aggregateId)
      const types = stored.map(({ sequence, eventType }) => `${sequence} ${eventType}`)
      assert.fail(`effects on ${aggregateId} are first made in the order ${order.join()} of ${types.join()}`)
    }
  }
}

/** A view that is kept by the event store has always seen everything. */
async function checkInline(eventStore: SqliteEventStore): Promise<void> {
  const handled = (await allEvents(eventStore)).filter(
    ({ eventType }) => eventType === 'Added' || eventType === 'Poisoned',
  )
  const rows = await eventStore.inlineViews?.viewStore.list(inlineLedger(), { limit: 10_000 })
  const documents = new Map(rows?.map(({ id, view }) => [id, view as LedgerView]))
  assert.deepEqual(sorted(documents), sorted(expectedViews(handled)), 'the in-line view holds what its events say')
}

function isWithin({ aggregateId, fromSequence, toSequence }: DeadLetterSequence, event: DomainEventEnvelope): boolean {
  return event.aggregateId === aggregateId && event.sequence >= fromSequence && event.sequence <= toSequence
}

function sorted(documents: ReadonlyMap<string, LedgerView>): readonly (readonly [string, readonly number[]])[] {
  return [...documents]
    .map(([id, { numbers }]) => [id, numbers] as const)
    .sort(([one], [other]) => (one < other ? -1 : 1))
}

/** A line that the kill has cut off would be an effect that nobody can tell of. */
function readEffects(path: string): readonly Effect[] {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as Effect)
}
