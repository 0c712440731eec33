// What happened in a soak, as those who make it happen count it.

/** What the service has acknowledged, as it must stand in the events for ever. */
export type Acknowledged = {
  readonly commandId: string
  readonly aggregateId: string
  readonly version: number
  readonly position: number
  readonly timestamp: string
}

export class Tally {
  readonly acknowledged: Acknowledged[] = []
  readonly hired: string[] = []
  queued = 0
  repeated = 0
  rejected = 0
  refused = 0
  queries = 0
  /** Results and events that live streams have brought. */
  notifications = 0
  rebuilds = 0
  promotions = 0
}
