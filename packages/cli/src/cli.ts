/** Finds the command that a command line names, and runs it. */

import { isCimError } from '@cim/core'
import { check } from './check.ts'
import { checkHelp } from './check-options.ts'
import type { CliEnvironment } from './cli-stream.ts'
import { UsageError } from './usage-error.ts'

const help = `The command line of CIM for TypeScript.

  cim check <definitions> --events <file>    replays every event through the code, before a deployment
  cim <command> --help                       explains a command`

/**
 * @param args of the command line, without the program's name
 * @param environment where to write
 * @returns the exit code: 0 when all is well, 1 when something is wrong, 2 when the command line is
 */
export async function runCli(args: readonly string[], environment: CliEnvironment): Promise<number> {
  const [command, ...rest] = args
  try {
    if (rest.includes('--help') && command === 'check') return say(environment, checkHelp)
    switch (command) {
      case 'check':
        return await check(rest, environment)
      case 'help':
      case '--help':
        return say(environment, help)
      default:
        throw new UsageError(
          `${command === undefined ? 'No command is given' : `There is no command '${command}'`}. Known: check. See --help.`,
        )
    }
  } catch (error) {
    if (environment.signal?.aborted === true) {
      environment.errors.write('Interrupted.\n')
      return 1
    }
    environment.errors.write(`${isCimError(error) ? error.message : describe(error)}\n`)
    return error instanceof UsageError ? 2 : 1
  }
}

function say({ output }: CliEnvironment, text: string): number {
  output.write(`${text}\n`)
  return 0
}

/** A bug, here or in what was loaded: the stack says where. */
function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
