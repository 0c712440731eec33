/** The vocabulary and runtime of CIM for TypeScript, by the mission's chapters. */

// Application
export { Application, type DispatchOptions } from './application/application.ts'
export type { ApplicationOptions } from './application/application-options.ts'
export type { BranchOptions } from './application/branch.ts'
export type { DocumentDifference, ViewComparison } from './application/compare-builds.ts'
export type { DeadLetterDetail, DeadLetterOutcome, DeadLetters, DiscardRequest } from './application/dead-letters.ts'
export type { Processing, ProcessorOverview } from './application/processing.ts'
export { Reactions, type ReactionsOptions, type ResetOptions } from './application/reactions.ts'
export { type ViewBuild, ViewBuilds, type ViewBuildsOptions } from './application/view-builds.ts'
// Commands that wait
export {
  type AcknowledgmentOptions,
  CommandQueue,
  type CommandQueueOptions,
  type CommandQueueParts,
  type CommandQueueStatus,
} from './command-queue/command-queue.ts'
export {
  type CommandFinished,
  type CommandQueued,
  type QueuedCommandState,
  queuedCommand,
} from './command-queue/queued-command.ts'
// Errors
export { checkOptions, checkWholeNumber } from './errors/check-options.ts'
export { CimError, hasErrorCode, isCimError } from './errors/cim-error.ts'
export { CommandQueueFullError, UnknownCommandIdError } from './errors/command-queue-errors.ts'
export {
  CommandIdReusedError,
  ConcurrencyError,
  EventIdReusedError,
  VersionMismatchError,
} from './errors/concurrency-errors.ts'
export { InvalidEventError, UndecodableEventError } from './errors/event-errors.ts'
export {
  ForbiddenError,
  InvalidDefinitionError,
  InvalidOptionError,
  PayloadTooLargeError,
  UnauthenticatedError,
  UnknownNameError,
  ValidationError,
  type ValidationIssue,
} from './errors/input-errors.ts'
export {
  ApplicationStoppedError,
  DeadLettersChangedError,
  HandlerTimeoutError,
  InlineCatchUpError,
  InlineProjectionError,
  LateChangeError,
  ProcessorOwnedError,
  StaleOwnerError,
  StopGivenUpError,
  TooManyDeadLettersError,
  ViewLiveError,
  ViewNotReadyError,
  ViewPromotedError,
} from './errors/processing-errors.ts'
export { SequenceGapError } from './errors/sequence-gap-error.ts'
export {
  CheckpointAheadError,
  ConsistencyTimeoutError,
  StaleCheckpointError,
  StoreClosedError,
  StoreCorruptError,
  StoreFullError,
  StoreLockedError,
  StoreUnavailableError,
  StoreVersionError,
} from './errors/store-errors.ts'
export { HistoricalViewError } from './errors/time-travel-errors.ts'
// Event processing
export {
  type AuditedProcessor,
  type AuditOptions,
  type AuditProgress,
  type AuditVerdict,
  auditProcessor,
  type ProcessorAudit,
} from './event-processing/audit-processor.ts'
export { type Clock, systemClock } from './event-processing/clock.ts'
export {
  aggregateKey,
  type DeadLetterChange,
  type DeadLetterFilter,
  type DeadLetterPage,
  type DeadLetterSequence,
  type DiscardedDeadLetter,
  type DiscardOptions,
  type ProcessingFailure,
} from './event-processing/dead-letter.ts'
export {
  checkDeadLetterFilter,
  checkDeadLetterList,
  checkDiscard,
  checkDiscardedLimit,
  fitsFilter,
} from './event-processing/dead-letter-options.ts'
export type {
  EventFailure,
  EventProcessor,
  ProcessContext,
  ProcessResult,
} from './event-processing/event-processor.ts'
export {
  type CheckedFailurePolicy,
  classifyFailure,
  type FailureKind,
  type FailurePolicy,
  nextAttemptMs,
} from './event-processing/failure-policy.ts'
export { type InSequenceOptions, inSequence } from './event-processing/in-sequence.ts'
export { ProcessorRunner } from './event-processing/processor-runner.ts'
export type { ProcessorRunnerOptions } from './event-processing/processor-runner-options.ts'
export type { ProcessorStatus, ProcessorStep } from './event-processing/processor-status.ts'
export type {
  ClaimRequest,
  DeadLetterCounts,
  ProcessorClaim,
  ProcessorProgress,
  ProgressSave,
  ProgressStore,
} from './event-processing/progress-store.ts'
export {
  defineReaction,
  type ReactionContext,
  type ReactionDefinition,
  type ReactionHandler,
  type ReactionOptions,
} from './event-processing/reaction.ts'
export { ReactionProcessor, type ReactionProcessorOptions } from './event-processing/reaction-processor.ts'
export { checkRetryDelay, type RetryDelay } from './event-processing/retry-delay.ts'
export { nothingSeen, type SeenEvents, withSeen } from './event-processing/seen-events.ts'
export { TracedProcessor } from './event-processing/traced-processor.ts'
// Event sourcing
export { type AggregateRef, type EntityId, maxIdLength, problemWithId } from './event-store/aggregate-ref.ts'
export { type DomainEvent, decodeEvent } from './event-store/domain-event.ts'
export type { DomainEventEnvelope, NewEvent } from './event-store/domain-event-envelope.ts'
export type { EventMetadata } from './event-store/event-metadata.ts'
export type { EventOf, EventSource, SchemaCatalogue } from './event-store/event-source.ts'
export type {
  AppendOptions,
  AppendResult,
  CommandIdentity,
  CommandRecord,
  EventBatch,
  EventPage,
  EventStore,
  EventStoreLimits,
  ExpectedVersion,
  LoadEventsOptions,
  ReadEventsOptions,
  RejectionReason,
  SubscribeOptions,
} from './event-store/event-store.ts'
export {
  type CheckedLoadOptions,
  type CheckedReadOptions,
  checkLoadOptions,
  checkReadOptions,
  checkSubscribeOptions,
  defaultLimits,
  parseTimestamp,
} from './event-store/event-store-options.ts'
export { Feed } from './event-store/feed.ts'
export { canonicalJson, hashText } from './event-store/fingerprint.ts'
export { type FollowedLog, followLog } from './event-store/follow-log.ts'
export { deepFreeze } from './event-store/freeze.ts'
export { createIsoFormatter } from './event-store/iso-time.ts'
export { type EncodedJson, encodeJson, escapePointer } from './event-store/json.ts'
export { checkCommandRecord, type PreparedEvent, prepareAppend } from './event-store/prepare-append.ts'
export { checkCommand, findRepeat, repeatedAppend } from './event-store/repeats.ts'
export { Signal } from './event-store/signal.ts'
export type { Snapshot, SnapshotStore } from './event-store/snapshot.ts'
export { matchesSubject, type SubjectMatcher, subjectMatcher, subjectOf } from './event-store/subject-pattern.ts'
export { currentSchemaVersion, type Upcaster, type Upcasters, upcast } from './event-store/upcaster.ts'
export { createUuidGenerator, deriveUuid } from './event-store/uuid.ts'
// Integration
export { type EventPublisher, UnpublishableEventsError } from './integration/event-publisher.ts'
export { definePublication, type PublicationDefinition, type PublicationOptions } from './integration/publication.ts'
export { PublishingProcessor } from './integration/publishing-processor.ts'
// In-memory adapters
export { MemoryEventStore, type MemoryEventStoreOptions } from './memory/memory-event-store.ts'
export { MemoryProgressStore } from './memory/memory-progress-store.ts'
export { MemorySnapshotStore } from './memory/memory-snapshot-store.ts'
export { MemoryViewStore } from './memory/memory-view-store.ts'
// Before a deployment
export { type CheckDeployOptions, checkDeploy } from './pre-deploy/check-deploy.ts'
export type { DeployProgress } from './pre-deploy/check-run.ts'
export type {
  DeployProblem,
  DeployProblemGroup,
  DeployProblemKind,
  DeployReport,
} from './pre-deploy/deploy-report.ts'
export { describeReport } from './pre-deploy/describe-report.ts'
// Query side
export { type Consistency, waitForPosition } from './read-side/consistency.ts'
// For writing adapters
export {
  checkFindOptions,
  checkListOptions,
  checkPageLimit,
  compareIndexValues,
  compareStrings,
  indexValuesOf,
} from './read-side/index-values.ts'
export { LiveQueries, type LiveQueriesOptions } from './read-side/live-queries.ts'
export type { LiveResult } from './read-side/live-query.ts'
export type { PastMoment, PastViews, ResolvedMoment } from './read-side/past-views.ts'
export {
  defineProjection,
  type ProjectionDefinition,
  type ProjectionHandler,
  type ProjectionOptions,
} from './read-side/projection.ts'
export { ProjectionProcessor, type ProjectionProcessorOptions } from './read-side/projection-processor.ts'
export {
  defineQuery,
  type Query,
  type QueryContext,
  type QueryDefinition,
  type QueryOptions,
  type Read,
} from './read-side/query.ts'
export {
  type HandleQueryOptions,
  type LiveView,
  QueryHandler,
  type QueryHandlerOptions,
} from './read-side/query-handler.ts'
export { createReadModel, type ReadableView, type ReadModel } from './read-side/read-model.ts'
export { ChangeFailure, ViewSession } from './read-side/view-session.ts'
export {
  type CommittedChanges,
  type FindOptions,
  type FoundRow,
  type IndexFunction,
  type IndexValue,
  type InlineViewSource,
  type ListOptions,
  type OpenViewOptions,
  type StoredView,
  type ViewChange,
  type ViewCommit,
  type ViewDefinition,
  type ViewRow,
  type ViewStore,
  viewKey,
} from './read-side/view-store.ts'
export type { Views } from './read-side/views.ts'
// Sagas
export type { SagaFilter } from './sagas/instance-reader.ts'
export {
  type CompensationContext,
  type CompensationOptions,
  defineSaga,
  type ReachedDeadline,
  type RefusedCommand,
  type SagaAddress,
  type SagaContext,
  type SagaDefinition,
  type SagaHandler,
  type SagaOptions,
} from './sagas/saga.ts'
export { decideOnInput } from './sagas/saga-decision.ts'
export type {
  CommandOutcome,
  EventRef,
  HeldInput,
  PendingCommand,
  PendingDeadline,
  SagaError,
  SagaEvent,
  SagaEventData,
} from './sagas/saga-events.ts'
export type { InputContext, SagaInput } from './sagas/saga-input.ts'
export {
  applySagaEvent,
  newInstance,
  type SagaInstance,
  type SagaStatus,
} from './sagas/saga-instance.ts'
export type { CountedStatus, SagaTotals, SagaView } from './sagas/saga-instances.ts'
export { type Deadline, deadline, type SagaOutcome, type SagaStep, step } from './sagas/saga-outcome.ts'
export type { SagaPrincipal } from './sagas/saga-processor.ts'
export type { SagaOverview, Sagas } from './sagas/sagas.ts'
// Schemas
export { jsonSchemaOf, type Outputs, parseWith, type Schema, type SchemaMap } from './schema/schema.ts'
// Time travel
export { openBranch } from './time-travel/branch.ts'
export { BranchEventStore, type BranchEventStoreOptions } from './time-travel/branch-event-store.ts'
export { type Difference, differencesBetween } from './time-travel/differences.ts'
export { type HistoryEntry, historyOf, type Moment, stateAt } from './time-travel/state-at.ts'
export { ViewsAt, type ViewsAtOptions } from './time-travel/views-at.ts'
// Tracing
export { CommandSpans } from './tracing/command-spans.ts'
// Command side
export {
  type AggregateDefinition,
  type AggregateMessages,
  type AggregateOptions,
  defineAggregate,
} from './write-side/aggregate.ts'
export type { Command, CommandOptions, DecidableCommand } from './write-side/command.ts'
export type { CommandAcknowledgment, CommandStatus } from './write-side/command-acknowledgment.ts'
export {
  type Authorize,
  CommandHandler,
  type CommandHandlerOptions,
  type HandleOptions,
} from './write-side/command-handler.ts'
export {
  type DecidedEvent,
  type Decision,
  type DecisionContext,
  event,
  isRejection,
  type Rejection,
  reject,
} from './write-side/decision.ts'
export { KeyedQueue } from './write-side/keyed-queue.ts'
export {
  applyEvent,
  emptyAggregate,
  foldEvents,
  type LoadedAggregate,
  loadAggregate,
} from './write-side/load-aggregate.ts'
export type { PreparedCommand } from './write-side/prepared-command.ts'
export { Repository, type RepositoryEntry, type RepositoryOptions, type SaveOptions } from './write-side/repository.ts'
