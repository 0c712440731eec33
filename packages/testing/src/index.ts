/** Tests for what is built with CIM for TypeScript: scenarios for domains, conformance suites for adapters. */

// Conformance
export type { OpenedStore, OpeningOptions, OpenStore } from './conformance/opened-store.ts'
export { eventStoreConformance } from './event-store/event-store-conformance.ts'
export { checkLinearizability } from './linearizability/check-linearizability.ts'
export type {
  AppendOperation,
  AppendOutcome,
  LoadOperation,
  Operation,
  OperationTimes,
  Violation,
  ViolationKind,
} from './linearizability/history.ts'
export { eventProcessingConformance } from './processing/event-processing-conformance.ts'
export type { OpenPlace, ProcessingPlace, ProcessStores } from './processing/processing-place.ts'
export { sagaConformance } from './processing/saga-conformance.ts'
export { progressStoreConformance } from './progress-store/progress-store-conformance.ts'
// Scenarios
export {
  type EventOfAggregate,
  type Given,
  given,
  type StateExpectation,
  type Then,
  type WhenOptions,
} from './scenarios/given.ts'
export { givenEvents, type ProjectedViews } from './scenarios/given-events.ts'
export { type GivenSagaOptions, givenSaga } from './scenarios/given-saga.ts'
export { type PastEvent, type PastEventOptions, pastEvent } from './scenarios/past-event.ts'
export {
  type Duration,
  type SagaScenario,
  type SagaScenarioOptions,
  type ScenarioStores,
  sagaScenario,
} from './scenarios/saga-scenario.ts'
export type { SagaThen, SagaWhen } from './scenarios/saga-then.ts'
export { ScenarioError } from './scenarios/scenario-error.ts'
export { snapshotStoreConformance } from './snapshot-store/snapshot-store-conformance.ts'
export { viewStoreConformance } from './view-store/view-store-conformance.ts'
