/** Processes that meet in the memory of this one. */

import { MemoryEventStore, MemoryProgressStore, MemoryViewStore } from '@cim/core'
import type { OpenPlace } from './processing-place.ts'

/** All have the same views, as in one file. */
export const sharedViews: OpenPlace = ({ now }) => {
  const [eventStore, viewStore] = [new MemoryEventStore({ now }), new MemoryViewStore()]
  return { open: () => ({ eventStore, viewStore, close: async () => undefined }) }
}

/** Each has views of its own. */
export const ownViews: OpenPlace = ({ now }) => {
  const [eventStore, progressStore] = [new MemoryEventStore({ now }), new MemoryProgressStore()]
  const views = new Map<string, MemoryViewStore>()
  const open = (name: string) => {
    const viewStore = views.get(name) ?? new MemoryViewStore()
    views.set(name, viewStore)
    return { eventStore, viewStore, progressStore, close: async () => undefined }
  }
  return { open }
}
