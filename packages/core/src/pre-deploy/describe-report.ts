/** Writes a report for people. */

import type { Difference } from '../time-travel/differences.ts'
import type { DeployProblem, DeployProblemGroup, DeployProblemKind, DeployReport } from './deploy-report.ts'

const meanings: Readonly<Record<DeployProblemKind, string>> = {
  'broken-stream': 'events that are missing or out of order',
  'unknown-event': 'events that no definition knows',
  undecodable: 'events that cannot be lifted to the current schema version',
  'invalid-data': 'events whose data does not fit their schema',
  'fold-failed': 'events that apply fails on',
  'projection-failed': 'events that the projection fails on',
  'invalid-document': 'documents that do not fit the schema of the view',
  'not-json': 'states that are not plain JSON and cannot be compared',
  'state-differs': 'states that differ from those of the previous code',
  'document-differs': 'documents that differ from those of the previous code',
  missing: 'what the previous code had is missing',
}

const longestValue = 80

/** @returns lines of plain text, the same for the same report */
export function describeReport(report: DeployReport): string {
  const { position, events, aggregates, documents, comparedAt, notCompared, problems } = report
  const lines = [
    `Replayed ${count(events, 'event')} of ${count(aggregates, 'aggregate')} into ${count(documents, 'view document')}, up to position ${position}.`,
  ]
  if (comparedAt !== undefined) lines.push(`Compared with the previous code at position ${comparedAt}.`)
  for (const reason of notCompared) lines.push(`Not compared: ${reason}.`)
  for (const group of problems) lines.push('', ...describeGroup(group))
  const wrong = problems.filter(({ isExpected }) => !isExpected).length
  const verdict = report.isFine ? 'Fine: this code can run on these events.' : `NOT FINE: ${count(wrong, 'problem')}.`
  return [...lines, '', verdict].join('\n')
}

function describeGroup({ kind, subject, count: all, isExpected, samples }: DeployProblemGroup): readonly string[] {
  const lines = [
    `${isExpected ? 'expected' : 'PROBLEM'}  ${subject}: ${meanings[kind]} (${kind}), ${all.toLocaleString('en')}`,
  ]
  for (const sample of samples) {
    lines.push(`  ${placeOf(sample)}${sample.message}`)
    for (const difference of sample.differences ?? []) lines.push(`    ${describeDifference(difference)}`)
  }
  if (all > samples.length) lines.push(`  and ${(all - samples.length).toLocaleString('en')} more`)
  return lines
}

function placeOf({ position, aggregateType, aggregateId, sequence, documentId }: DeployProblem): string {
  if (documentId !== undefined) return `document ${JSON.stringify(documentId)}: `
  if (aggregateId === undefined) return ''
  const version = sequence === undefined ? '' : `, sequence ${sequence}`
  return `position ${position} (${aggregateType} ${JSON.stringify(aggregateId)}${version}): `
}

function describeDifference({ pointer, kind, before, after }: Difference): string {
  const place = pointer === '' ? '(root)' : pointer
  if (kind === 'added') return `${place} added: ${short(after)}`
  if (kind === 'removed') return `${place} removed: ${short(before)}`
  return `${place} changed: ${short(before)} -> ${short(after)}`
}

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length <= longestValue ? text : `${text.slice(0, longestValue)}…`
}

function count(number: number, noun: string): string {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`
}
