/** Runs a publication: the event processor that relays stored events to a publisher. */

import { hasErrorCode } from '../errors/cim-error.ts'
import type {
  EventFailure,
  EventProcessor,
  ProcessContext,
  ProcessResult,
} from '../event-processing/event-processor.ts'
import type { ProgressSave, ProgressStore } from '../event-processing/progress-store.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { UnpublishableEventsError } from './event-publisher.ts'
import type { PublicationDefinition } from './publication.ts'

/**
 * Publishes each event at least once, in the order of its aggregate. The checkpoint is saved after everything before it has
 * been taken; after a crash, those published since come again, at most one batch of them.
 */
export class PublishingProcessor implements EventProcessor {
  readonly progressStore: ProgressStore
  readonly #publication: PublicationDefinition

  constructor(publication: PublicationDefinition, progressStore: ProgressStore) {
    this.#publication = publication
    this.progressStore = progressStore
  }

  get processorName(): string {
    return this.#publication.publicationName
  }

  get subjectPatterns(): readonly string[] {
    return this.#publication.subjectPatterns
  }

  async getCheckpoint(): Promise<number> {
    return (await this.progressStore.readProgress(this.processorName))?.position ?? 0
  }

  /** What cannot be published is held back, with the events of its aggregate behind it. Replays are not published again. */
  async process(events: readonly DomainEventEnvelope[], context: ProcessContext): Promise<ProcessResult> {
    const { replayUntil, signal } = context
    const fresh = events.filter(({ position }) => position > replayUntil)
    const [first] = fresh
    if (first === undefined) return { unsavedEffects: 0, failures: [] }
    let failures: readonly EventFailure[] = []
    try {
      await this.#publication.publisher.publish(fresh, { signal })
    } catch (error) {
      if (hasErrorCode(error, 'unpublishable-events')) failures = (error as UnpublishableEventsError).failures
      // It was told to stop: all of them come again.
      else if (signal.aborted) return { unsavedEffects: 0, failures: [], handledUntil: first.position - 1 }
      else throw error
    }
    return { unsavedEffects: Number.POSITIVE_INFINITY, failures }
  }

  saveCheckpoint(save: ProgressSave): Promise<void> {
    return this.progressStore.saveProgress(save)
  }
}
