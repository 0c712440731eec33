/** Changes one view document for one event. */

import type { DomainEvent, Views } from '@cim/core'

/** What becomes different: some properties, or what a function makes of the document. */
export type Changes<TView> = Partial<TView> | ((view: TView) => Partial<TView>)

/** Changes the document with that id, and notes when. */
export type ChangeView<TView> = (
  views: Views<TView>,
  id: string,
  event: Pick<DomainEvent, 'timestamp'>,
  changes: Changes<TView>,
) => void

/**
 * @param unknown makes the document of something that an event speaks of before it was created: events of different
 *   aggregates have no order that a projection could rely on
 */
export function viewChanger<TView extends { readonly lastUpdated: string }>(
  unknown: (id: string) => TView,
): ChangeView<TView> {
  return (views, id, { timestamp }, changes) =>
    views.update(id, (known) => {
      const view = known ?? unknown(id)
      return { ...view, ...(typeof changes === 'function' ? changes(view) : changes), lastUpdated: timestamp }
    })
}
