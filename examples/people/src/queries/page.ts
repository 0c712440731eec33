/** Results that come page by page. */

import { type FindOptions, type FoundRow, type ReadModel, ValidationError } from '@cim/core'
import { z } from 'zod'

/** The parameters that every paged query takes. */
export const pageParameters = {
  limit: z.coerce.number().int().min(1).max(1000).optional().describe('The most items in the page; 50 when left out.'),
  cursor: z.string().max(2000).optional().describe('Where the page begins: the nextCursor of the page before.'),
}

/** See {@link pageParameters}. */
export interface PageParameters {
  readonly limit?: number | undefined
  readonly cursor?: string | undefined
}

/** The place after which a page begins: the sort value and the id of the last item before. */
export interface Place {
  readonly value: string
  readonly id: string
}

/** One page of items. */
export interface Page<TItem> {
  readonly items: readonly TItem[]
  /** Absent on the last page. */
  readonly nextCursor?: string | undefined
}

const defaultLimit = 50
const rowsPerRead = 1000
const placeSchema = z.tuple([z.string(), z.string()])

/** @returns the schema of a page of items, with the total where the query knows it */
export function pageOf<TItem extends z.ZodType>(item: TItem) {
  return z.object({
    items: z.array(item),
    total: z.number().int().optional().describe('How many items all pages have together, where the query knows it.'),
    nextCursor: z.string().optional().describe('Gives the next page as cursor; absent on the last one.'),
  })
}

/**
 * @param items in their order, from the page's beginning: more than fit in it when another page follows
 * @param parameters of the query
 * @param placeOf an item's sort value and id
 */
export function toPage<TItem>(
  items: readonly TItem[],
  parameters: PageParameters,
  placeOf: (item: TItem) => Place,
): Page<TItem> {
  const limit = limitOf(parameters)
  const last = items[limit - 1]
  if (last === undefined || items.length <= limit) return { items }
  const { value, id } = placeOf(last)
  const nextCursor = Buffer.from(JSON.stringify([value, id])).toString('base64url')
  return { items: items.slice(0, limit), nextCursor }
}

/**
 * @param parameters of the query
 * @returns the place after which the page begins, undefined for the first page
 * @throws {ValidationError} when the cursor is not one that a query gave
 */
export function placeOfCursor({ cursor }: PageParameters): Place | undefined {
  if (cursor === undefined) return undefined
  try {
    const [value, id] = placeSchema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()))
    return { value, id }
  } catch {
    const message = 'Must be the nextCursor of the page before, with the other parameters unchanged'
    throw new ValidationError('query', [{ pointer: '/cursor', message }])
  }
}

/**
 * Finds one page of a view's documents through an index.
 * @param view which one
 * @param index its index
 * @param options which documents
 * @param parameters of the query
 * @param isWanted tells which of the rows found belong to the result
 */
export async function findPage<TView, TIndex extends string>(
  view: ReadModel<TView, TIndex>,
  index: TIndex,
  options: FindOptions,
  parameters: PageParameters,
  isWanted: (row: FoundRow<TView>) => boolean = () => true,
): Promise<Page<TView>> {
  const rows: FoundRow<TView>[] = []
  const after = placeOfCursor(parameters)
  for await (const row of findRows(view, index, { ...options, ...(after && { after }) })) {
    if (isWanted(row)) rows.push(row)
    if (rows.length > limitOf(parameters)) break
  }
  const page = toPage(rows, parameters, ({ value, id }) => ({ value: String(value), id }))
  return { ...page, items: page.items.map((row) => row.view) }
}

/** Finds all rows, as many as there may be, without holding them all in memory. */
export async function* findRows<TView, TIndex extends string>(
  view: ReadModel<TView, TIndex>,
  index: TIndex,
  options: FindOptions,
): AsyncGenerator<FoundRow<TView>> {
  let { after } = options
  for (;;) {
    const rows = await view.findRows(index, { ...options, ...(after && { after }), limit: rowsPerRead })
    yield* rows
    after = rows.at(-1)
    if (rows.length < rowsPerRead) return
  }
}

function limitOf({ limit }: PageParameters): number {
  return limit ?? defaultLimit
}
