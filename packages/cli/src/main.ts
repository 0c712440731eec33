#!/usr/bin/env node
// `cim`: what can be done with an application from the command line.
import { runCli } from './cli.ts'

const interrupted = new AbortController()
process.once('SIGINT', () => interrupted.abort(new Error('Interrupted.')))
process.exitCode = await runCli(process.argv.slice(2), {
  output: process.stdout,
  errors: process.stderr,
  signal: interrupted.signal,
})
