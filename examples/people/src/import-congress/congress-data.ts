/** Reads the members of the United States Congress, their terms, committees and memberships, from a folder of files. */

import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { CimError } from '@cim/core'
import { z } from 'zod'
import { calendarDate, line } from '../schemas.ts'

// Bioguide and committee ids, for instance C000127 and HSAG15. They become parts of ids and of headers.
const externalId = z.string().regex(/^[A-Za-z0-9]{1,20}$/)
const part = line(100).optional()

const legislatorSchema = z.object({
  id: externalId,
  name: z.object({
    first: line(100),
    middle: part,
    last: line(100),
    suffix: part,
    nickname: part,
    official_full: line(300).optional(),
  }),
  bio: z.object({ birthday: calendarDate.optional() }),
  terms: z.array(
    z
      .object({ type: z.enum(['sen', 'rep']), start: calendarDate, end: calendarDate })
      .refine(({ start, end }) => start <= end, { error: 'The term ends before it starts', path: ['end'] }),
  ),
})

const committeeSchema = z.object({
  id: externalId,
  type: z.enum(['house', 'senate', 'joint']),
  name: line(300),
  subcommittees: z.array(z.object({ id: externalId, name: line(300) })),
})

const membershipSchema = z.object({
  committee: externalId,
  members: z.array(z.object({ person: externalId, title: line(200).nullable() })),
})

/** A member of Congress; a term covers `start <= day < end`. */
export type Legislator = z.infer<typeof legislatorSchema>
/** A committee with its subcommittees. */
export type Committee = z.infer<typeof committeeSchema>
/** The members of a committee or subcommittee. */
export type Membership = z.infer<typeof membershipSchema>

/** Everything in the folder, with every reference leading somewhere. */
export interface CongressData {
  readonly legislators: readonly Legislator[]
  readonly committees: readonly Committee[]
  readonly memberships: readonly Membership[]
}

/** The data cannot be imported. Nothing was sent. */
export class CongressDataError extends CimError {
  override readonly name = 'CongressDataError'
  readonly code = 'congress-data'
}

/** A record, and where it stands. */
interface Located<TRecord> {
  readonly record: TRecord
  /** File and line number. */
  readonly place: string
}

const mostProblemsShown = 20

/**
 * @param folder with `legislators.jsonl`, `committees.jsonl` and `memberships.jsonl`
 * @throws {CongressDataError} when a file is missing, or any line is not as it must be; names each file and line
 */
export function readCongressData(folder: string): CongressData {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new CongressDataError(`There is no folder ${folder}. Name the one with the data: --from <folder>.`)
  }
  const problems: string[] = []
  const legislators = readLines(folder, 'legislators.jsonl', legislatorSchema, problems)
  const committees = readLines(folder, 'committees.jsonl', committeeSchema, problems)
  const memberships = readLines(folder, 'memberships.jsonl', membershipSchema, problems)
  checkReferences(legislators, committees, memberships, problems)
  if (problems.length > 0) {
    const shown = problems.slice(0, mostProblemsShown)
    const more = problems.length - shown.length
    if (more > 0) shown.push(`and ${more} more`)
    throw new CongressDataError(
      `The data in ${folder} cannot be imported:\n${shown.map((one) => `  ${one}`).join('\n')}`,
    )
  }
  return {
    legislators: legislators.map(({ record }) => record),
    committees: committees.map(({ record }) => record),
    memberships: memberships.map(({ record }) => record),
  }
}

function readLines<TRecord>(
  folder: string,
  file: string,
  schema: z.ZodType<TRecord>,
  problems: string[],
): Located<TRecord>[] {
  const found: Located<TRecord>[] = []
  let text: string
  try {
    text = readFileSync(join(folder, file), 'utf8')
  } catch (cause) {
    throw new CongressDataError(`${join(folder, file)} cannot be read: ${messageOf(cause)}`, { cause })
  }
  for (const [index, content] of text.split('\n').entries()) {
    if (content.trim() === '') continue
    const place = `${file}, line ${index + 1}`
    try {
      const parsed = schema.safeParse(JSON.parse(content))
      if (parsed.success) found.push({ record: parsed.data, place })
      else problems.push(...parsed.error.issues.map(({ path, message }) => `${place}: ${path.join('.')}: ${message}`))
    } catch (error) {
      problems.push(`${place}: not JSON: ${messageOf(error)}`)
    }
  }
  return found
}

function checkReferences(
  legislators: readonly Located<Legislator>[],
  committees: readonly Located<Committee>[],
  memberships: readonly Located<Membership>[],
  problems: string[],
): void {
  const unique = (what: string): ((id: string, place: string) => void) => {
    const known = new Set<string>()
    return (id, place) => {
      if (known.has(id)) problems.push(`${place}: the ${what} ${id} is there twice`)
      known.add(id)
    }
  }
  const isNewPerson = unique('person')
  const isNewTerm = unique('term')
  const isNewBody = unique('committee')
  const isNewMember = unique('membership')
  for (const { record, place } of legislators) {
    isNewPerson(record.id, place)
    for (const { type, start } of record.terms) isNewTerm(`${record.id} ${type} ${start}`, place)
  }
  for (const { record, place } of committees) {
    for (const { id } of [record, ...record.subcommittees]) isNewBody(id, place)
  }
  const persons = new Set(legislators.map(({ record }) => record.id))
  const bodies = new Set(committees.flatMap(({ record }) => [record, ...record.subcommittees].map(({ id }) => id)))
  for (const { record, place } of memberships) {
    if (!bodies.has(record.committee)) problems.push(`${place}: the committee ${record.committee} is unknown`)
    for (const { person } of record.members) {
      if (!persons.has(person)) problems.push(`${place}: the person ${person} is unknown`)
      isNewMember(`${record.committee} ${person}`, place)
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
