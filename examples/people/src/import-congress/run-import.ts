/** Runs the importer from the command line to the summary. */

import { isCimError } from '@cim/core'
import { CommandClient } from './command-client.ts'
import { congressCommands } from './congress-commands.ts'
import { type CongressData, readCongressData } from './congress-data.ts'
import { type ImportOptions, importHelp, parseImportOptions } from './import-options.ts'
import { Progress } from './progress.ts'
import { type SendSummary, sendChains } from './send-chains.ts'

/**
 * @param args of the command line, without the program's name
 * @param environment of the process
 * @returns the exit code: 0 when everything is in, 1 when something was refused or could not be sent
 */
export async function runImport(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  // An import goes on when nobody reads any more how far it is.
  process.stdout.on('error', () => undefined)
  try {
    const options = parseImportOptions(args, environment)
    if (options !== 'help') return await importFolder(options)
    console.log(importHelp)
    return 0
  } catch (error) {
    console.error(isCimError(error) ? error.message : error)
    return 1
  }
}

async function importFolder(options: ImportOptions): Promise<number> {
  // All of the data is read and checked before the first command is sent.
  const data = readCongressData(options.from)
  console.log(describe(data, options.from))
  const chains = congressCommands(data, options)
  const total = chains.reduce((sum, chain) => sum + chain.length, 0)
  const client = new CommandClient({
    url: options.url,
    token: options.token,
    onAvailabilityChange: (isAvailable) =>
      progress.say(isAvailable ? 'The service answers again.' : 'The service does not answer. Trying on ...'),
  })
  const headBefore = await client.headPosition()
  const startedAt = performance.now()
  const progress = new Progress(process.stdout, total)
  const summary = await sendChains(chains, (command, signal) => client.send(command, signal), {
    concurrency: options.concurrency,
    headBefore,
    onAcknowledgment: () => progress.advance(),
  }).finally(() => progress.finish())
  const seconds = (performance.now() - startedAt) / 1000
  const headAfter = await client.headPosition()
  for (const line of conclude(summary, seconds)) console.log(line)
  console.log(`The event store was at position ${format(headBefore)} before and is at ${format(headAfter)} now.`)
  return summary.refusals.length === 0 ? 0 : 1
}

function describe({ legislators, committees, memberships }: CongressData, from: string): string {
  const terms = legislators.reduce((sum, { terms }) => sum + terms.length, 0)
  const subcommittees = committees.reduce((sum, one) => sum + one.subcommittees.length, 0)
  const members = memberships.reduce((sum, one) => sum + one.members.length, 0)
  return `Read from ${from}: ${format(legislators.length)} people with ${format(terms)} terms, ${format(committees.length)} committees, ${format(subcommittees)} subcommittees, ${format(members)} memberships.`
}

const mostRefusalsShown = 20

function conclude({ accepted, repeated, refusals, skipped }: SendSummary, seconds: number): readonly string[] {
  const lines = [
    `${format(accepted)} accepted, ${format(repeated)} repeated, ${format(refusals.length)} refused, in ${seconds.toFixed(1)} s.`,
  ]
  for (const { command, code, message } of refusals.slice(0, mostRefusalsShown)) {
    lines.push(`  ${command.commandType} to ${command.aggregateId}: ${code}: ${message}`)
  }
  if (refusals.length > mostRefusalsShown) lines.push(`  and ${format(refusals.length - mostRefusalsShown)} more`)
  if (skipped > 0) lines.push(`  ${format(skipped)} further commands to the same aggregates were not sent.`)
  return lines
}

function format(count: number): string {
  return count.toLocaleString('en')
}
