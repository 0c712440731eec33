/** Looks whether a stream takes the subjects of requests. */

import { CimError } from '@cim/core'
import { type NatsConnection, RequestError } from '@nats-io/nats-core'
import { SubjectCapturedError } from './service-errors.ts'

/** Whether a stream takes the subjects of requests could not be found out. */
export class UncheckedSubjectsError extends CimError {
  override readonly name = 'UncheckedSubjectsError'
  readonly code = 'unchecked-subjects'

  constructor(why: string, options?: ErrorOptions) {
    super(
      `Whether a stream takes the subjects of commands and queries could not be found out (${why}). Permit this user to ` +
        `publish to ${streamNames}, or set 'checkStreams' to false when it is certain that none does.`,
      options,
    )
  }
}

const streamNames = '$JS.API.STREAM.NAMES'
const timeoutMs = 5000
// https://github.com/nats-io/nats-server/blob/main/server/errors.json
const notEnabled: ReadonlySet<number> = new Set([10_039, 10_076])

interface StreamNames {
  readonly streams?: readonly string[] | null
  readonly error?: { readonly err_code: number; readonly description: string }
}

/**
 * @param subjects that only a service may answer on
 * @throws {SubjectCapturedError} when a stream takes one of them
 * @throws {UncheckedSubjectsError} when that cannot be found out
 */
export async function assertNotCaptured(connection: NatsConnection, subjects: readonly string[]): Promise<void> {
  for (const subject of subjects) {
    const { streams, error } = await namesOf(connection, subject)
    if (error !== undefined && !notEnabled.has(error.err_code)) {
      throw new UncheckedSubjectsError(`${error.err_code} ${error.description}`)
    }
    const [stream] = streams ?? []
    if (stream !== undefined) throw new SubjectCapturedError(subject, stream)
  }
}

async function namesOf(connection: NatsConnection, subject: string): Promise<StreamNames> {
  try {
    const reply = await connection.request(streamNames, JSON.stringify({ subject }), { timeout: timeoutMs })
    return reply.json<StreamNames>()
  } catch (cause) {
    // Without JetStream nobody answers, and there is no stream.
    if (cause instanceof RequestError && cause.isNoResponders()) return {}
    throw new UncheckedSubjectsError((cause as Error).message, { cause })
  }
}
