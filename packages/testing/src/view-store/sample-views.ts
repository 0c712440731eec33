/** A view and helpers that the view store tests share. */

import type { FindOptions, IndexFunction, IndexValue, ViewDefinition, ViewStore } from '@cim/core'

/** A document of the sample view. */
export interface PersonDocument {
  readonly name?: string
  readonly age?: number | null
  readonly tags?: readonly IndexValue[]
}

const indexes: Readonly<Record<string, IndexFunction<PersonDocument>>> = {
  name: ({ name }) => name,
  age: ({ age }) => age,
  tag: ({ tags }) => tags,
}

/** Found by one string, by one number that may be missing, and by any number of values of both kinds. */
export const personView: ViewDefinition = { viewName: 'PersonView', version: 1, indexes }

/** Ids with documents to put, or undefined to delete. */
export type Documents = readonly (readonly [id: string, document: unknown])[]

/**
 * Commits changes on top of what is there, one position further.
 * @param store with the view
 * @param documents at most one per id
 * @param view the sample view when left out
 * @returns the new checkpoint
 */
export async function put(store: ViewStore, documents: Documents, view: ViewDefinition = personView): Promise<number> {
  await store.openView(view)
  const expectedCheckpoint = await store.getCheckpoint(view)
  const ids = documents.map(([id]) => id)
  const before = await store.getMany(view, ids)
  const changes = documents.map(([id, after]) => ({ id, before: before.get(id), after }))
  const position = expectedCheckpoint + 1
  await store.commit(view, { expectedCheckpoint, position, changes })
  return position
}

/** @returns ids and values of the rows found */
export async function found(
  store: ViewStore,
  index: string,
  options?: FindOptions,
  view: ViewDefinition = personView,
): Promise<readonly (readonly [IndexValue, string])[]> {
  return (await store.find(view, index, options)).map(({ id, value }) => [value, id])
}

/** @returns the ids of the rows found */
export async function foundIds(store: ViewStore, index: string, options?: FindOptions): Promise<readonly string[]> {
  return (await store.find(personView, index, options)).map(({ id }) => id)
}

/** @returns everything that the store shows of a view */
export async function visibleView(store: ViewStore, view: ViewDefinition = personView): Promise<unknown> {
  const finds: unknown[] = []
  for (const index of Object.keys(view.indexes)) finds.push(await store.find(view, index))
  return { checkpoint: await store.getCheckpoint(view), list: await store.list(view), finds }
}
