/** Loads the definitions of an application. */

import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { AggregateDefinition, ProjectionDefinition, SagaDefinition } from '@cim/core'
import { UsageError } from './usage-error.ts'

/** What an application is defined by. */
export interface Definitions {
  readonly aggregates: readonly AggregateDefinition[]
  readonly projections: readonly ProjectionDefinition[]
  readonly sagas: readonly SagaDefinition[]
}

/**
 * @param path of a module that exports `aggregates` and `projections`, and `sagas` when there are any
 * @throws {UsageError} when it cannot be loaded or lacks one of the first two
 */
export async function loadDefinitions(path: string): Promise<Definitions> {
  const loaded = await load(path)
  const aggregates = listIn(path, loaded, 'aggregates', 'aggregateType')
  const projections = listIn(path, loaded, 'projections', 'viewName')
  const sagas = 'sagas' in loaded ? listIn(path, loaded, 'sagas', 'sagaName') : []
  return { aggregates, projections, sagas } as unknown as Definitions
}

async function load(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(pathToFileURL(resolve(path)).href)) as Readonly<Record<string, unknown>>
  } catch (cause) {
    const problem = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
    throw new UsageError(`The definitions ${path} cannot be loaded: ${problem}`, { cause })
  }
}

function listIn(
  path: string,
  loaded: Readonly<Record<string, unknown>>,
  name: string,
  field: string,
): readonly unknown[] {
  const list = loaded[name]
  const isDefinition = (one: unknown): boolean => typeof one === 'object' && one !== null && field in one
  if (Array.isArray(list) && list.every(isDefinition)) return list
  throw new UsageError(`The definitions ${path} must export '${name}': a list, empty when there are none.`)
}
