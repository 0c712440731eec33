/** What can be said on the command line of `cim check`. */

import { statSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { UsageError } from './usage-error.ts'

/** What to check, with what, and what to compare with. */
export interface CheckOptions {
  /** Path of the module with the definitions. */
  readonly definitions: string
  readonly events: string
  readonly save: string | undefined
  readonly compare: string | undefined
  readonly withStates: boolean
  readonly expected: readonly string[]
  readonly isInPlace: boolean
  readonly isJson: boolean
  readonly temporaryFolder: string | undefined
}

export const checkHelp = `Replays every event of an event store through aggregates, upcasters, schemas and projections.

  cim check <definitions> --events <file> [options]

  <definitions>          a module that exports 'aggregates' and 'projections', lists of both, and 'sagas' if there are any
  --events <file>        the SQLite file of the event store
  --save <file>          keeps fingerprints of all states and view documents there
  --compare <file>       compares with the fingerprints that the previous code has saved
  --with-states          saves states and documents too, so that differences can be shown by place
  --expect <name>        what is meant to be so: an event type that was taken out (Person.NickNameSet), an aggregate
                         or a view that changes (Person, PersonView). Shown, but no reason to fail. Can be repeated
  --in-place             opens the file itself instead of a copy: it may not be in use, and is brought to this version
  --temporary <folder>   for the copy, and the views that are built                  (the system's)
  --json                 the report as JSON
  --help                 shows this

The check works on a copy and writes nothing to the event store: a service may be running on it. Run it as the user that
the service runs as.
Exit code: 0 when this code can run on these events, 1 when something is wrong, 2 when the command line is.`

/**
 * @param args without the program's name and the command
 * @throws {UsageError} when something is unknown, missing, or not there
 */
export function parseCheckOptions(args: readonly string[]): CheckOptions {
  const { values, positionals } = parse(args)
  const [definitions, ...others] = positionals
  if (definitions === undefined)
    throw new UsageError('<definitions> is missing: the module with the definitions. See --help.')
  if (others.length > 0)
    throw new UsageError(`Expected one <definitions>, got also '${others.join("', '")}'. See --help.`)
  const { events, save, compare, expect: expected = [], temporary } = values
  if (events === undefined) throw new UsageError('--events <file> is missing: the file of the event store. See --help.')
  const withStates = values['with-states'] === true
  if (withStates && save === undefined) throw new UsageError('--with-states says what --save <file> keeps: give both.')
  checkFile('<definitions>', definitions)
  checkFile('--events', events)
  if (compare !== undefined) checkFile('--compare', compare)
  if (temporary !== undefined && statSync(temporary, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new UsageError(`--temporary must be a folder that exists, got '${temporary}'.`)
  }
  return {
    definitions,
    events,
    save,
    compare,
    withStates,
    expected,
    isInPlace: values['in-place'] === true,
    isJson: values.json === true,
    temporaryFolder: temporary,
  }
}

function checkFile(option: string, path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) return
  throw new UsageError(`${option} must be a file that exists, got '${path}'.`)
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        events: text,
        save: text,
        compare: text,
        'with-states': flag,
        expect: { type: 'string', multiple: true },
        'in-place': flag,
        temporary: text,
        json: flag,
      },
    })
  } catch (cause) {
    const [problem] = (cause instanceof Error ? cause.message : String(cause)).split('. ')
    throw new UsageError(`${problem?.replace(/\.$/, '')}. See --help.`, { cause })
  }
}
