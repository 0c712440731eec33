// `npm run check-deploy`: can this code run on what is stored? See --help.
import { join } from 'node:path'
import { runCli } from '@cim/cli'

const definitions = join(import.meta.dirname, 'definitions.ts')
const args = process.argv.slice(2)
// Where `npm start` keeps its data.
const events = args.includes('--events') ? [] : ['--events', 'data/events.sqlite']
const interrupted = new AbortController()
process.once('SIGINT', () => interrupted.abort(new Error('Interrupted.')))
process.exitCode = await runCli(['check', definitions, ...events, ...args], {
  output: process.stdout,
  errors: process.stderr,
  signal: interrupted.signal,
})
