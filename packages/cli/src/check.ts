/** `cim check`: replays an event store through the code that shall run on it. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkDeploy, type DeployReport, describeReport } from '@cim/core'
import { backUpDatabase, SqliteEventStore, SqliteViewStore } from '@cim/sqlite'
import { type CheckOptions, parseCheckOptions } from './check-options.ts'
import type { CliEnvironment } from './cli-stream.ts'
import { type Definitions, loadDefinitions } from './definitions.ts'
import { FingerprintFile, linesOf } from './fingerprint-file.ts'
import { ProgressBar } from './progress-bar.ts'

/**
 * The store is copied first: to open it would lock out a running service, and bring the file to the new version before
 * anybody has decided to deploy that.
 * @returns the exit code
 */
export async function check(args: readonly string[], environment: CliEnvironment): Promise<number> {
  const options = parseCheckOptions(args)
  const definitions = await loadDefinitions(options.definitions)
  await using opened = new AsyncDisposableStack()
  const folder = await mkdtemp(join(options.temporaryFolder ?? tmpdir(), 'cim-check-'))
  opened.defer(() => rm(folder, { recursive: true, force: true }))
  const eventStore = opened.use(new SqliteEventStore({ path: await fileOf(options, folder, environment) }))
  const viewStore = opened.use(new SqliteViewStore({ path: join(folder, 'views.sqlite') }))
  const report = await run(options, definitions, { eventStore, viewStore }, environment)
  const text = options.isJson ? JSON.stringify(report, undefined, 2) : describeReport(report)
  environment.output.write(`${text}\n`)
  return report.isFine ? 0 : 1
}

async function fileOf(
  { events, isInPlace }: CheckOptions,
  folder: string,
  { errors, signal }: CliEnvironment,
): Promise<string> {
  if (isInPlace) return events
  if (errors.isTTY === true) errors.write(`Copying ${events} ...\n`)
  const copy = join(folder, 'events.sqlite')
  await backUpDatabase(events, copy)
  signal?.throwIfAborted()
  return copy
}

async function run(
  options: CheckOptions,
  { aggregates, projections, sagas }: Definitions,
  { eventStore, viewStore }: { readonly eventStore: SqliteEventStore; readonly viewStore: SqliteViewStore },
  { errors, signal }: CliEnvironment,
): Promise<DeployReport> {
  const bar = new ProgressBar(errors)
  await using file = options.save === undefined ? undefined : await FingerprintFile.create(options.save)
  try {
    const report = await checkDeploy({
      eventStore,
      aggregates,
      projections,
      sagas,
      scratch: viewStore,
      expected: options.expected,
      withStates: options.withStates,
      onProgress: ({ phase, position, head }) => bar.show(`replaying ${phase}`, position, head),
      ...(options.compare === undefined ? undefined : { compareWith: linesOf(options.compare) }),
      ...(file === undefined ? undefined : { save: (line: string) => file.write(line) }),
      ...(signal === undefined ? undefined : { signal }),
    })
    await file?.finish()
    return report
  } finally {
    bar.clear()
  }
}
