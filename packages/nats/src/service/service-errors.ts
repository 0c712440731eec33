/** Errors between those who send commands and queries over NATS and those who answer. */

import { CimError } from '@cim/core'

/** So many requests are being answered that no more are begun. Nothing was done with this one. */
export class ServiceBusyError extends CimError {
  override readonly name = 'ServiceBusyError'
  readonly code = 'service-busy'

  constructor(limit: number) {
    super(
      `${limit} requests are being answered, and no more are begun. Nothing was done: send the request again in a moment.`,
    )
  }
}

/** No answer came in time. */
export class ServiceTimeoutError extends CimError {
  override readonly name = 'ServiceTimeoutError'
  readonly code = 'service-timeout'
  /** Of a command: send it again under this id to learn what became of it. */
  readonly commandId: string | undefined

  constructor(what: string, timeoutMs: number, commandId?: string, options?: ErrorOptions) {
    const advice =
      commandId === undefined
        ? 'Ask again, or allow more time; a command is sent again under its id, which gives its first acknowledgment.'
        : `It may have been executed: send it again under its id ${JSON.stringify(commandId)}, which gives its first acknowledgment.`
    super(`${what} was not answered within ${timeoutMs} ms. ${advice}`, options)
    this.commandId = commandId
  }
}

/** An answer is larger than a message may be. */
export class ReplyTooLargeError extends CimError {
  override readonly name = 'ReplyTooLargeError'
  readonly code = 'reply-too-large'

  constructor(subject: string, bytes: number, limit: number) {
    super(
      `The answer to ${subject} takes ${bytes} bytes, a message may have ${limit}. Ask for less: a page, or fewer fields.`,
    )
  }
}

/** Nobody listens. Nothing was done. */
export class ServiceUnreachableError extends CimError {
  override readonly name = 'ServiceUnreachableError'
  readonly code = 'service-unreachable'

  constructor(subject: string, options?: ErrorOptions) {
    super(
      `Nobody answers on ${subject}. Nothing was done. Check that the service runs, that it defines this command or query, and ` +
        'that the subject prefix is the same on both sides.',
      options,
    )
  }
}

/** A stream takes the subjects of requests: JetStream acknowledges each before the service can answer. */
export class SubjectCapturedError extends CimError {
  override readonly name = 'SubjectCapturedError'
  readonly code = 'subject-captured'

  constructor(subject: string, stream: string) {
    super(
      `The stream ${stream} takes ${subject}: JetStream's own acknowledgment would reach whoever asks before the answer does. ` +
        "Narrow the stream's subjects, or give the service and its clients another 'subjectPrefix'.",
    )
  }
}

/** A request was published without asking for a reply. It is not executed: nobody would learn what became of it. */
export class NoReplySubjectError extends CimError {
  override readonly name = 'NoReplySubjectError'
  readonly code = 'no-reply-subject'

  constructor(subject: string) {
    super(
      `A message came on ${subject} without a reply subject, and was ignored. Send commands and queries as requests.`,
    )
  }
}

/** The service has answered with a problem. */
export class RemoteProblemError extends CimError {
  override readonly name = 'RemoteProblemError'
  /** The code that the service's error had, for instance `validation` or `version-mismatch`. */
  readonly code: string
  /** The whole problem document. */
  readonly problem: Readonly<Record<string, unknown>>

  constructor(code: string, message: string, problem: Readonly<Record<string, unknown>>) {
    super(message)
    this.code = code
    this.problem = problem
  }
}
