// One run of test files, reported as it goes, its counts held back so that they can be printed after everything else.
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { run } from 'node:test'
import { spec, type TestEvent } from 'node:test/reporters'

/** Longer than any test file may take; without a limit, one that hangs would hang continuous integration. */
const FILE_TIMEOUT_MS = 10 * 60_000

export type TestRun = {
  /** Lines such as `tests 12`, `pass 12` and `fail 0`. */
  readonly counts: readonly string[]
  readonly isSuccess: boolean
  /** The runner counts each of these as one passed test. */
  readonly filesWithoutTests: readonly string[]
}

/** @param files Absolute paths. Each runs in a process of its own, with the Node options of this one. */
export async function runTestFiles(files: readonly string[]): Promise<TestRun> {
  const counts: string[] = []
  const filesWithoutTests: string[] = []
  let isSuccess = false

  async function* withoutCounts(events: AsyncIterable<TestEvent>): AsyncGenerator<TestEvent> {
    for await (const event of events) {
      if (event.type === 'test:summary' && event.data.file === undefined) isSuccess = event.data.success
      if (event.type === 'test:pass' && event.data.name === event.data.file) filesWithoutTests.push(event.data.file)
      if (isCount(event)) counts.push(event.data.message)
      else yield event
    }
  }

  const report = run({ files, concurrency: availableParallelism(), timeout: FILE_TIMEOUT_MS })
    .compose(withoutCounts)
    .compose(spec)
  report.pipe(process.stdout, { end: false })
  await once(report, 'end')
  return { counts, isSuccess, filesWithoutTests }
}

function isCount(event: TestEvent): event is TestEvent & { type: 'test:diagnostic' } {
  if (event.type !== 'test:diagnostic' || event.data.file !== undefined || event.data.nesting !== 0) return false
  return /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/.test(event.data.message)
}
