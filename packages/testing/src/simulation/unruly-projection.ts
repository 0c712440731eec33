/** A projection whose handlers misbehave in every way, until it is mended. */

import assert from 'node:assert/strict'
import { type DomainEvent, defineProjection, type ProjectionDefinition, type Schema, type Views } from '@cim/core'
import type { Chance, VirtualTime } from './virtual-time.ts'

/** What an event makes its handler do as long as it misbehaves; what it does well. */
export const behaviours = [
  'plain',
  'plain',
  'plain',
  'awaits',
  'looks around',
  'throws',
  'throws late',
  'fails in its change',
  'hangs',
  'changes late',
  'is not storable',
  'catches',
  'is not decodable',
] as const

/** Those that are to blame when an event cannot be processed. */
export const misbehaviours: readonly string[] = [
  'throws',
  'throws late',
  'fails in its change',
  'hangs',
  'changes late',
  'is not storable',
  'is not decodable',
]

/** Data of every event of a simulation. */
export interface Happening {
  readonly behaviour: (typeof behaviours)[number]
  /** How often its handler misbehaves. */
  readonly failures: number
}

/** Which events have been applied to a document, in this order. */
export interface AppliedView {
  readonly positions: readonly number[]
}

/** What handlers get hold of. */
export interface Surroundings {
  readonly time: VirtualTime
  readonly chance: Chance
  readonly handlerTimeoutMs: number
  /** Handlers behave from now on. */
  isMended: boolean
}

/** The document to which every event is applied. */
export const sharedId = 'all'

const anything: Schema<Happening> = schema()

function schema<TData>(): Schema<TData> {
  return { '~standard': { version: 1, vendor: 'simulation', validate: (value) => ({ value: value as TData }) } }
}

/** @returns a projection that notes each event in the document of its aggregate and in a shared one */
export function unrulyProjection(around: Surroundings): ProjectionDefinition<AppliedView> {
  const attempts = new Map<string, number>()
  const misbehaves = (key: string, failures: number): boolean => {
    const attempt = (attempts.get(key) ?? 0) + 1
    attempts.set(key, attempt)
    return !around.isMended && attempt <= failures
  }
  const decode = (data: unknown): unknown => {
    const { behaviour, failures } = data as Happening
    if (behaviour === 'is not decodable' && !around.isMended && failures > 0) throw new Error('nobody can read this')
    return data
  }
  const handle = (event: DomainEvent<'Happened', Happening>, views: Views<AppliedView>) => {
    const { behaviour, failures } = event.data
    return behave(behaviour, misbehaves(event.eventId, failures), event, views, around)
  }
  return defineProjection('Applied', {
    from: [
      { aggregateType: 'Thing', events: { Happened: anything, Ignored: anything }, upcasters: { Happened: [decode] } },
    ],
    schema: schema<AppliedView>(),
    indexes: { count: ({ positions }) => positions.length },
    on: { Happened: handle },
  })
}

function behave(
  behaviour: Happening['behaviour'],
  isWrong: boolean,
  event: DomainEvent,
  views: Views<AppliedView>,
  { time, chance, handlerTimeoutMs }: Surroundings,
): void | Promise<void> {
  const { aggregateId, position } = event
  const add = (view: AppliedView | undefined): AppliedView => ({ positions: [...(view?.positions ?? []), position] })
  const apply = (): void => {
    views.update(aggregateId, add)
    views.update(sharedId, add)
  }
  const inSteps = async (...steps: readonly (() => unknown)[]): Promise<void> => {
    for (const step of steps) await step()
  }
  const wait = () => time.sleep(chance.between(0, 20))
  switch (behaviour) {
    case 'awaits':
      return inSteps(wait, apply, () => views.get(aggregateId))
    case 'looks around':
      return inSteps(
        () => views.find('count', chance.between(1, 4)),
        () => views.get(sharedId),
        apply,
      )
    case 'throws':
      apply()
      if (isWrong) throw new RangeError('out of range')
      return
    case 'throws late':
      return inSteps(
        apply,
        () => views.get(sharedId),
        wait,
        () => {
          if (isWrong) throw Object.create(null)
        },
      )
    case 'fails in its change':
      views.update(sharedId, add)
      return views.update(aggregateId, (view) => {
        if (isWrong) throw new Error('this change fails')
        return add(view)
      })
    case 'hangs':
      if (isWrong) return inSteps(apply, () => new Promise(() => undefined))
      return apply()
    case 'changes late':
      if (isWrong)
        return inSteps(
          apply,
          () => views.get(`late ${position}`),
          () => time.sleep(handlerTimeoutMs * 2),
          apply,
        )
      return apply()
    case 'is not storable':
      if (isWrong) return views.update(aggregateId, () => ({ positions: [Number.NaN] }))
      return apply()
    case 'catches':
      return inSteps(() => views.get(sharedId).catch(() => assert.fail('it makes of that what it wants')), apply)
    default:
      return apply()
  }
}
