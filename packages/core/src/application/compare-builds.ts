/** Compares two builds of a view while both go on changing. */

import { canonicalJson } from '../event-store/fingerprint.ts'
import { type ViewDefinition, type ViewRow, type ViewStore, viewKey } from '../read-side/view-store.ts'
import { type Difference, differencesBetween } from '../time-travel/differences.ts'

/** What {@link compareBuilds} needs. */
export interface CompareBuildsOptions {
  readonly viewStore: ViewStore
  readonly live: ViewDefinition
  readonly other: ViewDefinition
  /** How many documents of each build to look at. */
  readonly sampleSize: number
  /** Waits until both have processed everything that is stored now. */
  readonly catchUp: () => Promise<void>
  /** Ends it between two pages of documents. */
  readonly signal: AbortSignal
}

/** What was found. */
export interface ViewComparison {
  readonly live: string
  readonly other: string
  /** How many documents each build has. */
  readonly documents: { readonly live: number; readonly other: number }
  /** How many were compared. */
  readonly compared: number
  /** How many of them differ. */
  readonly different: number
  /** The first 20 of them. */
  readonly examples: readonly DocumentDifference[]
}

/** A document that is not the same in both builds. */
export interface DocumentDifference {
  readonly id: string
  /** What has to change in the live document to make it the other one. */
  readonly differences: readonly Difference[]
}

const mostExamples = 20
const pageSize = 500
/** A document may have changed in one build only, because events came between the two looks. */
const looks = 5

/**
 * Takes documents evenly from the order of ids, in both builds, so that neither can hide what the other lacks. What differs is
 * looked at again after both have caught up: only what still differs counts.
 */
export async function compareBuilds(options: CompareBuildsOptions): Promise<ViewComparison> {
  const { viewStore, live, other, catchUp } = options
  await catchUp()
  const documents = { live: await viewStore.count(live), other: await viewStore.count(other) }
  const ids = new Set<string>()
  for (const view of [live, other]) {
    for await (const { id } of sample(options, view)) ids.add(id)
  }
  let suspects: readonly string[] = [...ids]
  let found: readonly DocumentDifference[] = []
  for (let look = 1; look <= looks && suspects.length > 0; look++) {
    if (look > 1) await catchUp()
    found = await differing(options, suspects)
    suspects = found.map(({ id }) => id)
  }
  return {
    live: viewKey(live),
    other: viewKey(other),
    documents,
    compared: ids.size,
    different: found.length,
    examples: found.slice(0, mostExamples),
  }
}

/** Every document of a small view; of a large one, so many that lie evenly in it. */
async function* sample(
  { viewStore, sampleSize, signal }: CompareBuildsOptions,
  view: ViewDefinition,
): AsyncGenerator<ViewRow> {
  const every = Math.max(1, Math.floor((await viewStore.count(view)) / sampleSize))
  let index = 0
  for (let afterId: string | undefined; ; ) {
    signal.throwIfAborted()
    const page = await viewStore.list(view, afterId === undefined ? { limit: pageSize } : { limit: pageSize, afterId })
    for (const row of page) if (index++ % every === 0) yield row
    if (page.length < pageSize) return
    afterId = page.at(-1)?.id
  }
}

async function differing(
  { viewStore, live, other, signal }: CompareBuildsOptions,
  ids: readonly string[],
): Promise<readonly DocumentDifference[]> {
  const found: DocumentDifference[] = []
  for (let start = 0; start < ids.length; start += pageSize) {
    signal.throwIfAborted()
    const page = ids.slice(start, start + pageSize)
    const [ofLive, ofOther] = [await viewStore.getMany(live, page), await viewStore.getMany(other, page)]
    for (const id of page) {
      const [one, another] = [ofLive.get(id), ofOther.get(id)]
      if (textOf(one) === textOf(another)) continue
      found.push({ id, differences: differencesBetween(one, another) })
    }
  }
  return found
}

function textOf(document: unknown): string | undefined {
  return document === undefined ? undefined : canonicalJson(document)
}
