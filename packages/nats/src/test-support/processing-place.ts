/** Processes with views in files of their own, whose events and progress are on the same servers. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SqliteViewStore } from '@cim/sqlite'
import type { OpenPlace } from '@cim/testing'
import { JetStreamEventStore } from '../jetstream-event-store.ts'
import { JetStreamProgressStore } from '../progress/jetstream-progress-store.ts'
import { deleteBucket, deleteStreams, ownBucket, ownStream } from './test-stores.ts'

/** @param servers of one NATS server, or of a cluster */
export function openServers(servers: string | readonly string[]): OpenPlace {
  return ({ now }) => {
    const [stream, bucket] = [ownStream({ servers, now }), ownBucket({ servers })]
    const folder = mkdtempSync(join(tmpdir(), 'cim-processing-'))
    return {
      open: async (name) => {
        const eventStore = await JetStreamEventStore.open(stream)
        const progressStore = await JetStreamProgressStore.open(bucket)
        const viewStore = new SqliteViewStore({ path: join(folder, `${name}.db`) })
        const close = async () => {
          await Promise.all([eventStore.close(), progressStore.close(), viewStore.close()])
        }
        return { eventStore, viewStore, progressStore, close }
      },
      dispose: async () => {
        await Promise.all([deleteStreams(stream), deleteBucket(bucket)])
        rmSync(folder, { recursive: true, force: true })
      },
    }
  }
}
