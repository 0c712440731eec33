/** Processing and sagas over SQLite, against the suites that every set of stores runs. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventProcessingConformance, type OpenPlace, sagaConformance } from '@cim/testing'
import { SqliteEventStore } from './sqlite-event-store.ts'
import { SqliteViewStore } from './sqlite-view-store.ts'

/** One process owns the file of the events, so all have the same store; each opens the file of the views for itself. */
const openFolder: OpenPlace = ({ now }) => {
  const folder = mkdtempSync(join(tmpdir(), 'cim-processing-'))
  const openEvents = () => new SqliteEventStore({ path: join(folder, 'events.db'), now })
  let eventStore: SqliteEventStore | undefined
  let users = 0
  return {
    open: () => {
      users++
      const events = eventStore ?? openEvents()
      eventStore = events
      const viewStore = new SqliteViewStore({ path: join(folder, 'views.db') })
      const close = async () => {
        await viewStore.close()
        if (--users > 0) return
        eventStore = undefined
        await events.close()
      }
      return { eventStore: events, viewStore, close }
    },
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  }
}

eventProcessingConformance('sqlite', openFolder)
sagaConformance('sqlite', openFolder)
