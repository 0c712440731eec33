/** A small domain whose views show at once whether an event was lost, doubled or overtaken. */

import { appendFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import {
  type AggregateDefinition,
  type DomainEvent,
  defineAggregate,
  defineProjection,
  defineReaction,
  event,
  type ProjectionDefinition,
  type ReactionContext,
  type ReactionDefinition,
  type Schema,
} from '@cim/core'

/** What every event holds. */
export interface EntryData {
  readonly group: string
  /** How often each handler fails in each process, until it is mended. */
  readonly failures: number
}

/** Asks for so many events of one type. */
export interface RecordData extends EntryData {
  readonly eventType: 'Added' | 'Poisoned' | 'Hung' | 'Ignored'
  readonly size: number
}

/** A view document: of an aggregate the sequences of its events, of a group or an event the positions, in the order of their coming. */
export interface LedgerView {
  readonly kind: 'aggregate' | 'group' | 'event'
  readonly numbers: readonly number[]
}

/** What the handlers of one process work with. */
export interface Circumstances {
  /** Nothing fails or hangs any more. */
  readonly isMended: boolean
  readonly handlerTimeoutMs: number
  /** Where the reaction writes its effects. */
  readonly effectsPath: string
  readonly reach: (point: string) => void
}

/** Circumstances of a process that only looks at what others have made. */
export const onlooker: Circumstances = {
  isMended: true,
  handlerTimeoutMs: 1000,
  effectsPath: '',
  reach: () => undefined,
}

const entryData: Schema<EntryData> = unchecked()

export const entry = defineAggregate('Entry', {
  events: { Added: entryData, Poisoned: entryData, Hung: entryData, Ignored: entryData },
  commands: { Record: unchecked<RecordData>() },
  initialState: { count: 0 },
  decide: {
    Record: (_, { data: { eventType, size, group, failures } }) =>
      Array.from({ length: size }, () => event(eventType, { group, failures })),
  },
  apply: { Added: count, Poisoned: count, Hung: count, Ignored: count },
})

/** As the runtime takes it. */
export const entryDefinition: AggregateDefinition = entry as unknown as AggregateDefinition

/** The event types that each processor handles. */
export const handledTypes = {
  LedgerView: ['Added', 'Poisoned'],
  WatcherView: ['Added', 'Poisoned', 'Hung'],
  Letters: ['Added', 'Poisoned', 'Hung'],
} as const

type Entry = DomainEvent<'Added' | 'Poisoned' | 'Hung' | 'Ignored', EntryData, 'Entry'>

/** A projection with plain handlers. */
export function ledgerOf({ isMended, reach }: Circumstances): ProjectionDefinition {
  const poison = poisonOf(isMended)
  const handle = (entry: Entry, views: Parameters<typeof note>[1]): void => {
    reach('handler.ledger:before')
    note(entry, views, () => poison(entry))
    reach('handler.ledger:after')
  }
  return defineProjection('LedgerView', {
    from: [entry],
    schema: unchecked<LedgerView>(),
    indexes: { kind: ({ kind }) => kind },
    on: { Added: handle, Poisoned: handle },
  }) as unknown as ProjectionDefinition
}

/** A view that the event store keeps in the transactions of its appends. */
export function inlineLedger(): ProjectionDefinition {
  const handle = (entry: Entry, views: Parameters<typeof note>[1]): void => note(entry, views)
  return defineProjection('InlineView', {
    from: [entry],
    schema: unchecked<LedgerView>(),
    indexes: { kind: ({ kind }) => kind },
    on: { Added: handle, Poisoned: handle },
  }) as unknown as ProjectionDefinition
}

/** A projection with asynchronous handlers, some of which hang, or go on after they were given up. */
export function watcherOf({ isMended, handlerTimeoutMs, reach }: Circumstances): ProjectionDefinition {
  const poison = poisonOf(isMended)
  const handle = async (entry: Entry, views: Parameters<typeof note>[1] & AggregateReader): Promise<void> => {
    reach('handler.watcher:before')
    const before = await views.get(`aggregate-${entry.aggregateId}`)
    await views.find('kind', 'group')
    if (entry.eventType === 'Hung' && !isMended) await hang(entry, handlerTimeoutMs)
    poison(entry)
    reach('handler.watcher:after')
    note(entry, views)
    // What was read before the waits is still true: no other event of the aggregate is handled meanwhile.
    const numbers = [...(before?.numbers ?? []), entry.sequence]
    views.set(`aggregate-${entry.aggregateId}`, { kind: 'aggregate', numbers })
  }
  return defineProjection('WatcherView', {
    from: [entry],
    schema: unchecked<LedgerView>(),
    indexes: { kind: ({ kind }) => kind },
    on: { Added: handle, Poisoned: handle, Hung: handle },
  }) as unknown as ProjectionDefinition
}

/** A reaction that writes each effect with its key; some fail before the effect, some after it. */
export function lettersOf({ isMended, handlerTimeoutMs, effectsPath, reach }: Circumstances): ReactionDefinition {
  const poison = poisonOf(isMended)
  const handle = async (entry: Entry, { idempotencyKey, isReplay, signal }: ReactionContext): Promise<void> => {
    reach('handler.letters:before')
    if (entry.eventType === 'Hung' && !isMended) await hang(entry, handlerTimeoutMs)
    // Given up: what it did now would come after the event was parked, or even discarded.
    signal.throwIfAborted()
    if (entry.position % 2 === 0) poison(entry)
    const { position, aggregateId, sequence } = entry
    appendFileSync(effectsPath, `${JSON.stringify({ idempotencyKey, isReplay, position, aggregateId, sequence })}\n`)
    poison(entry)
    await delay(0)
    reach('handler.letters:after')
  }
  return defineReaction('Letters', {
    from: [entry],
    startAt: 'beginning',
    on: { Added: handle, Poisoned: handle, Hung: handle },
  })
}

interface AggregateReader {
  get(id: string): Promise<LedgerView | undefined>
  find(index: string, equals: string): Promise<unknown>
  set(id: string, view: LedgerView): void
}

function note(
  { aggregateId, sequence, position, data }: Entry,
  views: { update(id: string, change: (view: LedgerView | undefined) => LedgerView | undefined): void },
  beforeLast: () => void = () => undefined,
): void {
  const add = (kind: LedgerView['kind'], number: number) => (view: LedgerView | undefined) => ({
    kind,
    numbers: [...(view?.numbers ?? []), number],
  })
  views.update(`aggregate-${aggregateId}`, add('aggregate', sequence))
  views.update(`group-${data.group}`, add('group', position))
  // Half a handler's changes must not stay.
  beforeLast()
  views.update(`event-${position}`, add('event', position))
}

/** @returns what throws as often as an event says, counted for one processor in one process */
function poisonOf(isMended: boolean): (entry: Entry) => void {
  const attempts = new Map<number, number>()
  return ({ eventType, position, data }) => {
    if (eventType !== 'Poisoned' || isMended) return
    const attempt = (attempts.get(position) ?? 0) + 1
    attempts.set(position, attempt)
    if (attempt <= data.failures) throw new Error(`poison at ${position}, attempt ${attempt}`)
  }
}

/** For ever, or until long after the handler was given up. */
async function hang({ position }: Entry, handlerTimeoutMs: number): Promise<void> {
  await (position % 2 === 0 ? new Promise(() => undefined) : delay(handlerTimeoutMs * 2))
}

function count(state: { readonly count: number }): { readonly count: number } {
  return { count: state.count + 1 }
}

function unchecked<TData>(): Schema<TData> {
  return { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as TData }) } }
}
