/** Replays a log through the current projections, and compares the documents that come out. */

import { compareStrings } from '../read-side/index-values.ts'
import type { ProjectionDefinition } from '../read-side/projection.ts'
import type { ViewStore } from '../read-side/view-store.ts'
import { parseWith } from '../schema/schema.ts'
import { placeOf } from './check-aggregates.ts'
import { type CheckRun, differencesFrom, fingerprintOf, pagesOf } from './check-run.ts'
import { type DocumentFingerprint, documentLine } from './deploy-fingerprints.ts'
import { describeFailure } from './deploy-report.ts'
import { ScratchView } from './scratch-view.ts'

/** What was made. */
export interface ViewCounts {
  readonly documents: number
  readonly notCompared: readonly string[]
}

const documentsPerPage = 1000

/**
 * All views are built side by side in one reading of the log. With fingerprints to compare with, they are compared when
 * the log is at the position of those.
 * @param scratch an empty view store; who wants bounded memory gives one on disk
 */
export async function checkViews(
  run: CheckRun,
  projections: readonly ProjectionDefinition[],
  scratch: ViewStore,
): Promise<ViewCounts> {
  const sorted = [...projections].sort((one, other) => compareStrings(one.viewName, other.viewName))
  const views = sorted.map((projection) => {
    return new ScratchView(projection, scratch, (event, error) =>
      run.problems.add('projection-failed', `${projection.viewName}`, () => ({
        ...placeOf(event),
        message: `${event.eventType}: ${describeFailure(error)}`,
      })),
    )
  })
  for (const { projection } of views) await scratch.openView(projection)
  const comparedAt = run.previous?.position ?? 0
  await replay(run, views, 0, comparedAt)
  const notCompared = run.previous === undefined ? [] : await compareViews(run, views, scratch)
  await replay(run, views, comparedAt, run.head)
  let documents = 0
  for (const view of views) documents += await finishView(run, view, scratch)
  return { documents, notCompared }
}

async function replay(run: CheckRun, views: readonly ScratchView[], from: number, to: number): Promise<void> {
  if (views.length === 0) return
  for await (const { events, position } of pagesOf(run, from, to)) {
    for (const view of views) await view.process(events, position)
    run.onProgress({ phase: 'views', position, head: run.head })
  }
  for (const view of views) await view.finish(to)
}

/** Validates the documents, and keeps their fingerprints. @returns how many there are */
async function finishView(run: CheckRun, { projection, isGivenUp }: ScratchView, scratch: ViewStore): Promise<number> {
  if (isGivenUp) return 0
  const { viewName, version: viewVersion } = projection
  let documents = 0
  for await (const { id, view } of documentsOf(run, projection, scratch)) {
    documents++
    try {
      await parseWith(projection.schema, view, 'view document')
    } catch (error) {
      run.problems.add('invalid-document', viewName, () => ({ documentId: id, message: describeFailure(error) }))
    }
    if (run.save === undefined) continue
    const kept = run.withStates ? { document: view } : undefined
    await run.save(documentLine({ viewName, viewVersion, documentId: id, hash: fingerprintOf(view), ...kept }))
  }
  return documents
}

/** Both sides are in the order of views and ids: they are walked through side by side. */
async function compareViews(
  run: CheckRun,
  views: readonly ScratchView[],
  scratch: ViewStore,
): Promise<readonly string[]> {
  const notCompared: string[] = []
  for (const { projection, isGivenUp } of views) {
    const { viewName, version } = projection
    await passViewsBefore(run, viewName)
    const previous = run.previous?.document
    if (previous?.viewName !== viewName) continue
    if (previous.viewVersion !== version) {
      notCompared.push(`${viewName}: version ${previous.viewVersion} before, ${version} now`)
      await passView(run, viewName)
    } else if (isGivenUp) {
      notCompared.push(`${viewName}: given up, its handlers fail`)
      await passView(run, viewName)
    } else await compareView(run, projection, scratch)
  }
  while (run.previous?.document !== undefined) await passMissing(run)
  return notCompared
}

async function compareView(run: CheckRun, projection: ProjectionDefinition, scratch: ViewStore): Promise<void> {
  const { viewName } = projection
  for await (const { id, view } of documentsOf(run, projection, scratch)) {
    const isBefore = ({ documentId }: DocumentFingerprint): boolean => compareStrings(documentId, id) < 0
    for (let next = nextOf(run, viewName); next !== undefined && isBefore(next); next = nextOf(run, viewName)) {
      await passMissing(run)
    }
    const previous = nextOf(run, viewName)
    if (previous?.documentId !== id) {
      run.problems.add('document-differs', viewName, () => ({ documentId: id, message: 'the previous code had none' }))
      continue
    }
    if (previous.hash !== fingerprintOf(view)) {
      run.problems.add('document-differs', viewName, () => ({
        documentId: id,
        message: `another document at position ${run.previous?.position}`,
        ...differencesFrom(previous.document, view),
      }))
    }
    await run.previous?.next()
  }
  while (nextOf(run, viewName) !== undefined) await passMissing(run)
}

function nextOf(run: CheckRun, viewName: string): DocumentFingerprint | undefined {
  const next = run.previous?.document
  return next?.viewName === viewName ? next : undefined
}

async function passMissing(run: CheckRun): Promise<void> {
  const missing = run.previous?.document
  if (missing !== undefined) {
    run.problems.add('missing', missing.viewName, () => ({
      documentId: missing.documentId,
      message: 'the previous code had this document',
    }))
  }
  await run.previous?.next()
}

async function passView(run: CheckRun, viewName: string): Promise<void> {
  while (nextOf(run, viewName) !== undefined) await run.previous?.next()
}

async function passViewsBefore(run: CheckRun, viewName: string): Promise<void> {
  for (;;) {
    const next = run.previous?.document
    if (next === undefined || compareStrings(next.viewName, viewName) >= 0) return
    await passMissing(run)
  }
}

async function* documentsOf(
  run: CheckRun,
  projection: ProjectionDefinition,
  scratch: ViewStore,
): AsyncGenerator<{ readonly id: string; readonly view: unknown }> {
  let afterId: string | undefined
  for (;;) {
    run.signal?.throwIfAborted()
    const rows = await scratch.list(projection, {
      limit: documentsPerPage,
      ...(afterId === undefined ? undefined : { afterId }),
    })
    yield* rows
    afterId = rows.at(-1)?.id
    if (rows.length < documentsPerPage) return
  }
}
