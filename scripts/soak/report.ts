// A soak in words.
import type { Machine } from '../../bench/harness/machine.ts'
import { describeRun } from '../faults/documentation.ts'
import type { SoakOutcome } from './run-soak.ts'
import type { Growth } from './samples.ts'

/** An outcome with everything that it depends on. */
export type SoakResult = SoakOutcome & { readonly date: string; readonly machine: Machine }

export function toMarkdown(result: SoakResult): string {
  const count = (value: number): string => value.toLocaleString('en-US')
  const { acknowledged, queued, hirings, repeated, queries, notifications, promotions, findings } = result
  const done = [
    `${Math.round(result.seconds / 60)} minutes, ${result.kills} kills, seed ${result.seed}: ${count(acknowledged)} commands acknowledged`,
    `(${count(queued)} of them queued, ${count(hirings)} hirings), ${count(repeated)} sent again, ${count(queries)} queries that read`,
    `their own writes, ${count(notifications)} messages of live streams, ${promotions} views built anew, compared and promoted,`,
    `${count(result.events)} events.`,
  ].join('\n')
  const found = findings.length === 0 ? 'Nothing was found.' : findings.map((finding) => `- ${finding}`).join('\n')
  const longest = result.growth.toSorted((one, other) => other.seconds - one.seconds)[0]
  const grown = longest === undefined ? '' : describeGrowth(longest)
  return [done, found, grown, describeRun(result.date, result.machine)].filter((part) => part !== '').join('\n\n')
}

function describeGrowth({ seconds, heapMb, residentMb, descriptors }: Growth): string {
  const pairs = [
    `heap after garbage collection ${heapMb.join(' → ')} MB`,
    `resident memory ${residentMb.join(' → ')} MB`,
    ...(descriptors === undefined ? [] : [`file descriptors ${descriptors.join(' → ')}`]),
  ]
  return `The process that lived longest, ${Math.round(seconds / 60)} minutes, medians of its first third (after a minute) and its last:\n${pairs.join(', ')}.`
}
