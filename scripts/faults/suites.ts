// Every suite that attacks the system, with what it attacks and how its size is set.

export type FaultSuite = {
  /** What must hold, whatever is done. */
  readonly guarantee: string
  readonly attack: string
  /** A test file. It repeats a run when it is given the same CIM_SEED. */
  readonly file: string
  /** The environment variable that says how large a run is. */
  readonly size: string
  /** How large the first run is. Each further one is half as large again. */
  readonly first: number
  /** What is counted. */
  readonly unit: string
  /** Where the number stands in what the suite prints; all matches are added up. Left out: it is the size. */
  readonly count?: RegExp
  readonly needsNats?: true
}

const SQLITE = 'packages/sqlite/src'
const NATS = 'packages/nats/src'
const PEOPLE = 'examples/people/src'

export const FAULT_SUITES: readonly FaultSuite[] = [
  {
    guarantee: 'Views equal their events; nothing twice, nothing missing, in order',
    attack: 'Processes killed at any await and any SQL statement',
    ...{ file: `${SQLITE}/fault-suite.test.ts`, size: 'CIM_KILLS', first: 40, unit: 'kills' },
    count: /(\d+) kills, /g,
  },
  {
    guarantee: 'An owner that was displaced saves nothing more',
    attack: 'Processes stopped for longer than their lease, 3 for every 20',
    ...{ file: `${SQLITE}/fault-takeover.test.ts`, size: 'CIM_KILLS', first: 40, unit: 'of CIM_KILLS' },
  },
  {
    guarantee: 'A queued command ends in one outcome and is executed once',
    attack: 'Processes killed before and after calls of the stores and statements',
    ...{ file: `${SQLITE}/command-queue.test.ts`, size: 'CIM_KILLS', first: 15, unit: 'kills' },
    count: /(\d+) kills, /g,
  },
  {
    guarantee: 'Order per aggregate with several handlers at once',
    attack: 'Handlers that fail while operators retry and discard',
    ...{ file: `${SQLITE}/concurrent-handlers.test.ts`, size: 'CIM_WORLDS', first: 3, unit: 'worlds' },
  },
  {
    guarantee: 'A damaged file never gives a wrong event, and the damage is found',
    attack: 'Bits, bytes and sectors changed, files cut off',
    ...{ file: `${SQLITE}/random-damage.test.ts`, size: 'CIM_DAMAGES', first: 100, unit: 'damages' },
    count: /(\d+) damages: /g,
  },
  {
    guarantee: 'A failing disk loses nothing that was acknowledged, and leaves nothing in part',
    attack: 'Every so many reads, writes or syncs fail, or all syncs from some moment on',
    ...{ file: `${SQLITE}/disk-errors.test.ts`, size: 'CIM_ROUNDS', first: 2, unit: 'failed calls' },
    count: /(\d+) calls failed/g,
  },
  {
    guarantee: 'Views wait for room on their disk, and count each event once',
    attack: 'The disk of the views full while an application projects into it',
    ...{ file: `${SQLITE}/views-full-disk.test.ts`, size: 'CIM_ROUNDS', first: 4, unit: 'full disks' },
  },
  {
    guarantee: 'Commands and views go on, and time-stamps never run backwards',
    attack: 'The clock set back and forward by hours',
    ...{ file: `${SQLITE}/clock-jumps.test.ts`, size: 'CIM_JUMPS', first: 30, unit: 'jumps' },
  },
  {
    guarantee: 'What the service acknowledged is there, once',
    attack: 'The service killed during an import',
    ...{ file: `${PEOPLE}/kill-nine.test.ts`, size: 'CIM_KILLS', first: 5, unit: 'kills' },
  },
  {
    guarantee: 'What the service acknowledged is there, once, and views equal a replay',
    attack: 'The service runs out of memory during an import',
    ...{ file: `${PEOPLE}/out-of-memory.test.ts`, size: 'CIM_KILLS', first: 2, unit: 'deaths' },
  },
  {
    guarantee: 'The service goes on without loss when connections end',
    attack: 'More connections than the service may have file descriptors',
    ...{ file: `${PEOPLE}/descriptors.test.ts`, size: 'CIM_ROUNDS', first: 3, unit: 'crowds' },
  },
  {
    guarantee: 'Every saga ends, and nothing is done twice',
    attack: 'Its process killed; HR refuses, fails or is lost; functions that throw',
    ...{ file: `${PEOPLE}/hiring-faults.test.ts`, size: 'CIM_KILLS', first: 5, unit: 'kills' },
  },
  {
    guarantee: 'HR is told of each hiring, and can tell repetitions',
    attack: 'The service killed during hirings',
    ...{ file: `${PEOPLE}/hirings-kill-nine.test.ts`, size: 'CIM_KILLS', first: 4, unit: 'kills' },
  },
  {
    guarantee: 'Whatever a client sends, it is answered, and the service goes on',
    attack: 'Hostile HTTP',
    ...{ file: `${PEOPLE}/service/hostile-input.test.ts`, size: 'CIM_REQUESTS', first: 2500, unit: 'requests' },
  },
  {
    guarantee: 'Memory, descriptors and views of the service under load',
    attack: 'A mixed load; killed and started again',
    ...{ file: 'scripts/soak/soak.test.ts', size: 'CIM_SOAK_SECONDS', first: 10, unit: 'kills' },
    count: /(\d+) kills, /g,
  },
  {
    guarantee: 'On JetStream one order explains what all processes saw; each append once',
    attack: 'Servers killed, paused, wiped and cut off',
    ...{ file: `${NATS}/fault-suite.test.ts`, size: 'CIM_FAULTS', first: 8, unit: 'faults' },
    needsNats: true,
  },
  {
    guarantee: 'A consumer handles every event, in order',
    attack: 'Connections cut, handlers that fail, processes that take over',
    ...{ file: `${NATS}/consume/consumer-order.test.ts`, size: 'CIM_RUNS', first: 4, unit: 'runs' },
    needsNats: true,
  },
]
