/**
 * Claims a processor for an hour, says `claimed` or `refused`, and keeps it until it is killed. Arguments: the database file.
 */

import { SqliteViewStore } from '../sqlite-view-store.ts'
import { processorName } from './sample-steps.ts'

const [path = ''] = process.argv.slice(2)
const store = new SqliteViewStore({ path })
const request = { owner: `holder ${process.pid}`, now: Date.now(), leaseMs: 3_600_000 }
const claim = await store.progressStore.claimProcessor(processorName, request)
process.stdout.write(claim === undefined ? 'refused\n' : 'claimed\n')
setInterval(() => undefined, 60_000)
