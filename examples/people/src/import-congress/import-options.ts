/** What can be said on the importer's command line. */

import { parseArgs } from 'node:util'
import { CommandLineError } from '../command-line-error.ts'
import { calendarDate } from '../schemas.ts'
import { defaultMembershipsSince } from './congress-commands.ts'

/** What to import, and where to. */
export interface ImportOptions {
  readonly from: string
  readonly url: string
  readonly token: string | undefined
  readonly membershipsSince: string
  readonly concurrency: number
}

export const importHelp = `Imports the members of the United States Congress, their terms, committees and memberships.

  npm run import -- --from <folder> [options]

  --from <folder>              with legislators.jsonl, committees.jsonl and memberships.jsonl
  --url <url>                  of the running People service                (http://127.0.0.1:7117)
  --token <token>              when the service asks for one                (the environment's CIM_TOKEN)
  --memberships-since <date>   first day of the committee memberships, of
                               which the data gives no dates                (${defaultMembershipsSince})
  --concurrency <number>       how many commands are under way at a time    (64)
  --help                       shows this

It can be repeated, and interrupted: nothing is done twice.`

/**
 * @param args without the program's name
 * @param environment for the token
 * @returns the options, or `help` when that was asked for
 * @throws {CommandLineError} when an option is unknown, missing or not as it must be
 */
export function parseImportOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): ImportOptions | 'help' {
  const values = parse(args)
  if (values.help === true) return 'help'
  const { from, url = 'http://127.0.0.1:7117', concurrency = '64' } = values
  const membershipsSince = values['memberships-since'] ?? defaultMembershipsSince
  if (from === undefined || from === '') {
    throw new CommandLineError('--from <folder> is missing: the folder with the data. See --help.')
  }
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new CommandLineError(`--url must be an http or https URL, got '${url}'.`)
  }
  if (!calendarDate.safeParse(membershipsSince).success) {
    throw new CommandLineError(`--memberships-since must be a date such as 2026-06-15, got '${membershipsSince}'.`)
  }
  if (!/^\d{1,4}$/.test(concurrency) || Number(concurrency) < 1 || Number(concurrency) > 1024) {
    throw new CommandLineError(`--concurrency must be a whole number from 1 to 1024, got '${concurrency}'.`)
  }
  const token = values.token ?? environment.CIM_TOKEN
  return { from, url, token: token === '' ? undefined : token, membershipsSince, concurrency: Number(concurrency) }
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const
  try {
    return parseArgs({
      args: [...args],
      options: {
        from: text,
        url: text,
        token: text,
        'memberships-since': text,
        concurrency: text,
        help: { type: 'boolean' },
      },
    }).values
  } catch (cause) {
    throw CommandLineError.from(cause)
  }
}
