/** What is done to the servers of the fault suite. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { NatsServer } from '../nats-server.ts'
import { seededRandom } from '../seeded-random.ts'
import type { FaultyCluster } from './faulty-cluster.ts'

export const faultKinds = [
  'kill-leader',
  'cut-connections',
  'pause-follower',
  'kill-meta-leader',
  'cut-connections',
  'pause-leader',
  'cut-connections',
  'wipe-follower',
  'kill-follower',
  'cut-off-leader',
] as const

/** One fault. */
export interface Fault {
  readonly kind: (typeof faultKinds)[number]
  /** How long it lasts. */
  readonly forMs: number
  /** Which of several servers, and how many bytes. */
  readonly dice: number
  /** The next one waits until appends succeed again. */
  readonly isAwaited: boolean
}

/** The others elect a leader when they have heard nothing of theirs for 4 to 9 s. */
const electionMs = 4000
const shortMs = 2000

/**
 * @param mostMs how long a cut-off and every third pause may last
 * @returns every kind in turn, in an order and for as long as the seed says
 */
export function planFaults(seed: number, count: number, mostMs: number): readonly Fault[] {
  const below = seededRandom(seed)
  const plan: Fault[] = []
  while (plan.length < count) {
    const kinds = [...faultKinds]
    while (kinds.length > 0) {
      const [kind] = kinds.splice(below(kinds.length), 1)
      const isLong = kind === 'cut-off-leader' || (below(3) === 0 && mostMs > 2 * electionMs)
      const forMs = isLong ? electionMs + below(mostMs - electionMs) : 50 + below(shortMs)
      if (kind !== undefined) plan.push({ kind, forMs, dice: below(1_000_000), isAwaited: below(4) > 0 })
    }
  }
  return plan.slice(0, count)
}

/** What faults are done to. */
export interface FaultTarget {
  readonly cluster: FaultyCluster
  readonly streamName: string
  /** Waits until so many more appends were acknowledged. */
  readonly progress: (appends: number) => Promise<void>
}

/** Does one, and mends it. @returns the server that it was done to */
export async function inject({ kind, forMs, dice, isAwaited }: Fault, target: FaultTarget): Promise<string> {
  const { cluster, streamName, progress } = target
  const leader = await cluster.streamLeader(streamName)
  const followers = cluster.servers.filter((server) => server !== leader)
  const follower = followers[dice % 2] as NatsServer
  switch (kind) {
    case 'kill-leader':
      return kill(leader)
    case 'kill-follower':
      return kill(follower)
    case 'kill-meta-leader':
      return kill(await cluster.metaLeader())
    case 'pause-leader':
      return pause(leader)
    case 'pause-follower':
      return pause(follower)
    case 'wipe-follower':
      // Of three copies one may be lost while the other two are whole. A server that has lost what it had acknowledged must not
      // vote before it has it again, or it and one that is behind could elect a leader without it. So all are current before,
      // and nothing else is done until they are so again.
      await cluster.whenCurrent(streamName)
      await follower.wipe()
      await sleep(forMs)
      await follower.start()
      await cluster.whenCurrent(streamName)
      return follower.name
    case 'cut-off-leader':
      cluster.cutOff(leader)
      await sleep(forMs)
      cluster.rejoin(leader)
      break
    case 'cut-connections':
      for (const [server] of cluster.servers.entries()) cluster.cutClients(server, (dice >> server) % 30_000)
      break
  }
  if (isAwaited) await progress(10)
  return leader.name

  async function kill(server: NatsServer): Promise<string> {
    await server.kill()
    // The others go on without it.
    if (isAwaited) await progress(10)
    await sleep(forMs)
    await server.start()
    return server.name
  }

  async function pause(server: NatsServer): Promise<string> {
    server.signal('SIGSTOP')
    await sleep(forMs)
    server.signal('SIGCONT')
    if (isAwaited) await progress(10)
    return server.name
  }
}
