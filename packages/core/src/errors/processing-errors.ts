/** Errors about processors. */

import { CimError } from './cim-error.ts'

/** Another runner has taken the processor over. Nothing was changed. */
export class StaleOwnerError extends CimError {
  override readonly name = 'StaleOwnerError'
  readonly code = 'stale-owner'
  readonly processor: string
  readonly epoch: number

  constructor(processor: string, epoch: number, actualEpoch: number) {
    super(
      `Processor ${processor}: epoch ${epoch} is over, another runner has taken it over with epoch ${actualEpoch}. ` +
        'Nothing was saved; ask for the processor again.',
    )
    this.processor = processor
    this.epoch = epoch
  }
}

/** Somebody retried or discarded dead letters meanwhile. Nothing was changed; read them anew and go on from the checkpoint. */
export class DeadLettersChangedError extends CimError {
  override readonly name = 'DeadLettersChangedError'
  readonly code = 'dead-letters-changed'
  readonly processor: string

  constructor(processor: string, expectedRevision: number, actualRevision: number) {
    super(
      `Processor ${processor}: its dead letters have revision ${actualRevision}, the step was computed with ${expectedRevision}. ` +
        'Nothing was saved; read them anew and go on from the checkpoint.',
    )
    this.processor = processor
  }
}

/** The processor is being run, and must not be for what was asked. */
export class ProcessorOwnedError extends CimError {
  override readonly name = 'ProcessorOwnedError'
  readonly code = 'processor-owned'
  readonly processor: string

  constructor(processor: string, owner: string) {
    super(`Processor ${processor} is run by ${owner}. Pause it, wait until it has stopped, and repeat.`)
    this.processor = processor
  }
}

/** Nobody waits any longer for the processor to stop. It was told to, and does so as soon as what it waits for ends. */
export class StopGivenUpError extends CimError {
  override readonly name = 'StopGivenUpError'
  readonly code = 'stop-given-up'
  readonly processor: string

  /** @param waitingFor what keeps it, and since when; undefined when that cannot be told */
  constructor(
    processor: string,
    waitingFor: { readonly step: string; readonly since: string } | undefined,
    options?: ErrorOptions,
  ) {
    const step = waitingFor === undefined ? 'something' : `'${waitingFor.step}', since ${waitingFor.since}`
    super(
      `Processor ${processor} was told to stop and has not stopped yet: it waits for ${step}. Look at its stores and its handlers, ` +
        'then wait again, or end the process. Another runner can take it over once its claim has run out.',
      options,
    )
    this.processor = processor
  }
}

/** So many aggregates cannot be processed that something general must be wrong. The processor waits and tries again. */
export class TooManyDeadLettersError extends CimError {
  override readonly name = 'TooManyDeadLettersError'
  readonly code = 'too-many-dead-letters'
  readonly processor: string
  readonly limit: number

  constructor(processor: string, limit: number, options?: ErrorOptions) {
    super(
      `Processor ${processor} holds back the events of ${limit} aggregates and cannot go on. Mend what makes them fail, then ` +
        'retry or discard its dead letters.',
      options,
    )
    this.processor = processor
    this.limit = limit
  }
}

/** A handler took too long. What it did has no effect. */
export class HandlerTimeoutError extends CimError {
  override readonly name = 'HandlerTimeoutError'
  readonly code = 'handler-timeout'

  constructor(subject: string, timeoutMs: number) {
    super(`${subject} was not done after ${timeoutMs} ms. Let it do less or wait less, or allow more time.`)
  }
}

/** A handler asked for a change after it had ended. The change has no effect. */
export class LateChangeError extends CimError {
  override readonly name = 'LateChangeError'
  readonly code = 'late-change'

  constructor(subject: string) {
    super(`${subject} used its views after it had ended: await everything that it begins.`)
  }
}

/** Another build of the view is live than expected. Nothing was changed. */
export class ViewPromotedError extends CimError {
  override readonly name = 'ViewPromotedError'
  readonly code = 'view-promoted'
  readonly view: string

  constructor(view: string, expectedLive: string | undefined, actualLive: string | undefined) {
    super(
      `${view} cannot be promoted: ${expectedLive ?? 'no build'} was expected to be live, ${actualLive ?? 'none'} is. ` +
        'Look at the builds again, and decide anew.',
    )
    this.view = view
  }
}

/** The build of the view is live, and cannot be dropped. */
export class ViewLiveError extends CimError {
  override readonly name = 'ViewLiveError'
  readonly code = 'view-live'
  readonly view: string

  constructor(view: string) {
    super(`${view} is live: queries read it. Promote another build before it is dropped.`)
    this.view = view
  }
}

/** What was asked for is done by processors, and those of the application do not run. */
export class ApplicationStoppedError extends CimError {
  override readonly name = 'ApplicationStoppedError'
  readonly code = 'application-stopped'

  constructor() {
    super(
      'The application is not running: it has been stopped, or was never started. Views are built anew, compared, promoted, ' +
        'rolled back and dropped only while it runs. Start it, look at the builds, and ask again.',
    )
  }
}

/** The view is still being built. */
export class ViewNotReadyError extends CimError {
  override readonly name = 'ViewNotReadyError'
  readonly code = 'view-not-ready'
  readonly view: string
  readonly position: number
  readonly headPosition: number

  constructor(view: string, position: number, headPosition: number) {
    super(`${view} is being built: it is at position ${position} of ${headPosition}. Ask again when it is ready.`)
    this.view = view
    this.position = position
    this.headPosition = headPosition
  }
}

/** An in-line projection could not take an event. The append that brought it is refused, and nothing was stored. */
export class InlineProjectionError extends CimError {
  override readonly name = 'InlineProjectionError'
  readonly code = 'inline-projection'
  /** For instance `Balances@2`. */
  readonly view: string
  readonly eventType: string
  readonly aggregateType: string
  readonly aggregateId: string

  constructor(
    view: string,
    event: { readonly eventType: string; readonly aggregateType: string; readonly aggregateId: string },
    options: { readonly cause: unknown },
  ) {
    const { cause } = options
    super(
      `In-line view ${view}: ${event.eventType} of ${event.aggregateType} ${JSON.stringify(event.aggregateId)} cannot be projected (` +
        `${cause instanceof Error ? cause.message : String(cause)}). Nothing was stored; mend the projection.`,
      options,
    )
    this.view = view
    this.eventType = event.eventType
    this.aggregateType = event.aggregateType
    this.aggregateId = event.aggregateId
  }
}

/** An in-line projection that is new, or was left out for a while, could not take an event that is stored. The store is not open. */
export class InlineCatchUpError extends CimError {
  override readonly name = 'InlineCatchUpError'
  readonly code = 'inline-catch-up'
  /** For instance `Balances@2`. */
  readonly view: string
  readonly position: number
  readonly eventType: string
  readonly aggregateType: string
  readonly aggregateId: string

  constructor(
    view: string,
    event: {
      readonly position: number
      readonly sequence: number
      readonly eventType: string
      readonly aggregateType: string
      readonly aggregateId: string
    },
    options: { readonly cause: unknown },
  ) {
    const { cause } = options
    super(
      `In-line view ${view}: its handler of ${event.eventType} cannot take the event at position ${event.position}, version ` +
        `${event.sequence} of ${event.aggregateType} ${JSON.stringify(event.aggregateId)} (` +
        `${cause instanceof Error ? cause.message : String(cause)}). The event store was not opened; its events are as they were. ` +
        'Mend the handler. Until then, the event store opens without this in-line projection: given again, it takes over what it missed.',
      options,
    )
    this.view = view
    this.position = event.position
    this.eventType = event.eventType
    this.aggregateType = event.aggregateType
    this.aggregateId = event.aggregateId
  }
}
