/** A view whose documents all hold the position of the commit that wrote them last. */

import type { ViewCommit, ViewDefinition } from '@cim/core'

/** Found by position. */
export const numbersView: ViewDefinition = {
  viewName: 'NumbersView',
  version: 1,
  indexes: { position: (view: { readonly position: number }) => view.position },
}

/**
 * @param checkpoint the one that the view has
 * @param count how many documents the view has, or will have
 * @returns a commit that moves every document on by one position
 */
export function changeAll(checkpoint: number, count: number): ViewCommit {
  const changes = Array.from({ length: count }, (_, index) => ({
    id: `d-${index}`,
    before: checkpoint === 0 ? undefined : { position: checkpoint },
    after: { position: checkpoint + 1 },
  }))
  return { expectedCheckpoint: checkpoint, position: checkpoint + 1, changes }
}
