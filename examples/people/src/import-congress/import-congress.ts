/** Imports data about Congress into an application in the same process: for tests and measurements. */

import { type Application, isCimError } from '@cim/core'
import { congressCommands, defaultMembershipsSince } from './congress-commands.ts'
import type { CongressData } from './congress-data.ts'
import { CommandRefusedError, type Send, type SendOptions, type SendSummary, sendChains } from './send-chains.ts'

/**
 * @param application that is running
 * @param data as it was read
 * @param options how many commands at a time, and who is told
 */
export async function importCongress(
  application: Application,
  data: CongressData,
  options?: Pick<SendOptions, 'concurrency' | 'onAcknowledgment'>,
): Promise<SendSummary> {
  const chains = congressCommands(data, { membershipsSince: defaultMembershipsSince })
  const headBefore = await application.eventStore.headPosition()
  return sendChains(chains, dispatchTo(application), { ...options, headBefore })
}

function dispatchTo(application: Application): Send {
  return async (command, signal) => {
    try {
      return await application.dispatch(command, { signal })
    } catch (error) {
      if (isCimError(error) && refusals.has(error.code)) throw new CommandRefusedError(error.code, error.message)
      throw error
    }
  }
}

/** What says something about one command; anything else would happen to the next one too. */
const refusals: ReadonlySet<string> = new Set(['validation', 'command-id-reused', 'payload-too-large'])
