/** How much is measured. */

/** The sizes of a whole run: for the committed results, for a quick look, and for the tests of the benchmarks. */
export type Size = 'full' | 'quick' | 'tiny'

/** The amounts behind a size. */
export interface Settings {
  readonly size: Size
  /** How often each subject is measured. */
  readonly rounds: number
  /** As `rounds`, for what takes many seconds. */
  readonly longRounds: number
  readonly aggregates: number
  readonly appenders: readonly number[]
  readonly peerAppenders: readonly number[]
  readonly callers: readonly number[]
  /** Appended before an append is measured: warms up, and brings the store's indexes into their steady state. */
  readonly warmUpEvents: number
  /** Appended in one run, by whoever is measured: at one appender, and at many. */
  readonly eventsPerRun: { readonly alone: number; readonly crowd: number }
  readonly largeStoreEvents: number
  /** Of a backlog that memory must not grow with. */
  readonly backlogEvents: number
  /** Events of the stores that are compared by size. */
  readonly storeSizes: readonly number[]
  readonly openLoopSeconds: number
  readonly loads: number
  /** How long to make load over HTTP: so many seconds, or so many requests. */
  readonly httpExtent: { readonly duration: number } | { readonly amount: number }
  readonly peerEvents: number
  /** As `rounds`, over NATS. */
  readonly natsRounds: number
  /** Appends that one process has under way over NATS. */
  readonly natsInFlight: readonly number[]
  /** As `eventsPerRun`, over NATS; `synced` for many that are each synced to disk. */
  readonly natsEventsPerRun: { readonly alone: number; readonly crowd: number; readonly synced: number }
  readonly natsLoads: number
  /** Of a stream that is consumed. */
  readonly natsBacklogEvents: number
  /** How long a peer may take for one run: several times what the slowest takes when it works at all. */
  readonly peerTimeoutMs: number
}

const full: Settings = {
  size: 'full',
  rounds: 3,
  longRounds: 2,
  aggregates: 10_000,
  appenders: [1, 16, 64, 256, 1024],
  peerAppenders: [1, 16, 64],
  callers: [1, 16, 64, 256],
  warmUpEvents: 32_000,
  // The event store writes its indexes in turns, one every 32,768 events at first: a run of many covers several turns.
  eventsPerRun: { alone: 10_000, crowd: 160_000 },
  largeStoreEvents: 1_000_000,
  backlogEvents: 5_000_000,
  storeSizes: [10_000, 100_000, 1_000_000, 10_000_000],
  openLoopSeconds: 8,
  loads: 4_000,
  httpExtent: { duration: 8 },
  peerEvents: 10_000,
  natsRounds: 3,
  natsInFlight: [1, 64, 256, 1024],
  natsEventsPerRun: { alone: 2_000, crowd: 40_000, synced: 6_000 },
  natsLoads: 1_500,
  natsBacklogEvents: 100_000,
  peerTimeoutMs: 40_000,
}

const quick: Settings = {
  ...full,
  size: 'quick',
  rounds: 2,
  longRounds: 1,
  aggregates: 1_000,
  appenders: [1, 64, 1024],
  peerAppenders: [1, 16],
  callers: [1, 64],
  warmUpEvents: 12_000,
  eventsPerRun: { alone: 3_000, crowd: 30_000 },
  largeStoreEvents: 100_000,
  backlogEvents: 200_000,
  storeSizes: [10_000, 50_000],
  openLoopSeconds: 2,
  loads: 1_000,
  httpExtent: { duration: 2 },
  peerEvents: 3_000,
  natsRounds: 1,
  natsInFlight: [1, 64, 1024],
  natsEventsPerRun: { alone: 200, crowd: 5_000, synced: 1_500 },
  natsLoads: 100,
  natsBacklogEvents: 10_000,
  peerTimeoutMs: 10_000,
}

const tiny: Settings = {
  ...full,
  size: 'tiny',
  rounds: 1,
  longRounds: 1,
  aggregates: 20,
  appenders: [1, 16],
  peerAppenders: [1],
  callers: [1, 16],
  warmUpEvents: 40,
  eventsPerRun: { alone: 20, crowd: 100 },
  largeStoreEvents: 2_000,
  backlogEvents: 4_000,
  storeSizes: [1_000],
  openLoopSeconds: 0.1,
  loads: 20,
  httpExtent: { amount: 200 },
  peerEvents: 200,
  natsRounds: 1,
  natsInFlight: [1, 16],
  natsEventsPerRun: { alone: 20, crowd: 100, synced: 50 },
  natsLoads: 20,
  natsBacklogEvents: 500,
}

/** Settings by size. */
export const settingsOf: Readonly<Record<Size, Settings>> = { full, quick, tiny }
