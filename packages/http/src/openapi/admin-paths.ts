/** The paths under `/admin`. */

import { getting, ofProcessor as named, posting, reading } from './admin-operations.ts'
import { filterProperties } from './admin-schemas.ts'
import { queryParameter } from './common.ts'
import { sagaPaths } from './saga-paths.ts'
import { type JsonSchema, refTo } from './schemas.ts'

const text: JsonSchema = { type: 'string' }
const flag: JsonSchema = { type: 'boolean' }
const limit: JsonSchema = { type: 'integer', minimum: 1, maximum: 1000 }
const dryRun: JsonSchema = { ...flag, description: 'Say what would be done, and change nothing.' }
const reason: JsonSchema = { type: 'string', minLength: 1, maxLength: 1000 }
const firstOnly: JsonSchema = { ...flag, description: 'Only the event that failed; those behind it are tried.' }
const filter: JsonSchema = { type: 'object', additionalProperties: false, properties: filterProperties }

const processor = { name: 'processor', in: 'path', required: true, schema: text }
const aggregate = ['aggregateType', 'aggregateId'].map((name) => ({ name, in: 'path', required: true, schema: text }))

/** @returns paths by name */
export function adminPaths(): Readonly<Record<string, object>> {
  return { ...processorPaths(), ...viewPaths(), ...deadLetterPaths(), ...sagaPaths() }
}

function processorPaths(): Readonly<Record<string, object>> {
  const of = (operationId: string, summary: string, verb: string): readonly [string, object] => [
    `/admin/processors/{processor}/${verb}`,
    { post: posting(operationId, summary, [processor], refTo('Processor'), {}) },
  ]
  const audit = 'Prove that it has seen every position: counts the event store again.'
  return {
    '/admin/processors': {
      get: getting('getProcessors', 'How every processor is doing.', [], refTo('Processors'), reading),
    },
    '/admin/processors/{processor}': {
      get: getting('getProcessor', 'How a processor is doing.', [processor], refTo('Processor'), named),
    },
    ...Object.fromEntries([
      of('pauseProcessor', 'Let nobody run it until it is resumed.', 'pause'),
      of('resumeProcessor', 'Let it run again.', 'resume'),
    ]),
    '/admin/processors/{processor}/reset': {
      post: posting(
        'resetReaction',
        'Let a reaction handle events again, which are then replays.',
        [processor],
        refTo('Processor'),
        { position: { type: 'integer', minimum: 0 }, confirm: text, mayRepeatEffects: { const: true } },
        ['position', 'confirm', 'mayRepeatEffects'],
        [...named, 'processor-owned'],
      ),
    },
    '/admin/processors/{processor}/audit': {
      post: posting('auditProcessor', audit, [processor], refTo('ProcessorAudit'), {}),
    },
  }
}

function viewPaths(): Readonly<Record<string, object>> {
  const view = { name: 'view', in: 'path', required: true, schema: text }
  const build = { name: 'build', in: 'path', required: true, schema: text }
  const known = [...reading, 'unknown-view']
  const stopped = ['application-stopped', 'stopping']
  const ofBuild = [...known, 'unknown-view-build', 'view-promoted', 'view-not-ready', ...stopped]
  const builds = refTo('ViewBuilds')
  const key = refTo('ViewBuildKey')
  const size: JsonSchema = { type: 'integer', minimum: 1, maximum: 100_000 }
  const path = '/admin/views/{view}'
  const of = `${path}/builds/{build}`
  return {
    '/admin/views': { get: getting('getViews', 'Every build of every view.', [], builds, reading) },
    [path]: { get: getting('getView', 'Every build of a view.', [view], builds, known) },
    [`${path}/rebuild`]: {
      post: posting('rebuildView', 'Build it anew beside the live one.', [view], key, {}, [], [...known, ...stopped]),
    },
    [`${path}/rollback`]: {
      post: posting('rollBackView', 'Go back to the build before.', [view], key, {}, [], ofBuild),
    },
    [`${of}/compare`]: {
      post: posting(
        'compareViewBuild',
        'Look for differences to the live build.',
        [view, build],
        refTo('ViewComparison'),
        { sampleSize: size },
        [],
        ofBuild,
      ),
    },
    [`${of}/promote`]: {
      post: posting(
        'promoteViewBuild',
        'Make it the live one, once it is up to date.',
        [view, build],
        builds,
        {},
        [],
        ofBuild,
      ),
    },
    [`${of}/drop`]: {
      post: posting('dropViewBuild', 'Delete it.', [view, build], builds, {}, [], [...ofBuild, 'view-live']),
    },
  }
}

function deadLetterPaths(): Readonly<Record<string, object>> {
  const parameters = [
    queryParameter('processor', 'Only those of this processor.', text),
    ...Object.entries(filterProperties).map(([name, schema]) => queryParameter(name, 'Only these.', schema)),
    queryParameter('after', 'What the page before gave as next.', text),
    queryParameter('limit', 'How many at most; 100 when left out.', limit),
  ]
  const page = [
    queryParameter('from', 'The first sequence number to show.', { type: 'integer', minimum: 1 }),
    queryParameter('limit', 'How many events at most; 20 when left out.', limit),
  ]
  const records = [processor, queryParameter('limit', 'How many at most; 100 when left out.', limit)]
  const sequence = [processor, ...aggregate]
  const sequencePath = '/admin/dead-letters/{processor}/{aggregateType}/{aggregateId}'
  const outcome = refTo('DeadLetterOutcome')
  const one = { dryRun }
  const discard = { reason, firstOnly, dryRun }
  const missing = [...named, 'not-found']
  return {
    '/admin/dead-letters': {
      get: getting('getDeadLetters', 'Events that wait.', parameters, refTo('DeadLetterPage'), named),
    },
    '/admin/dead-letters/{processor}/discarded': {
      get: getting('getDiscarded', 'What was given up.', records, refTo('DiscardedDeadLetters'), named),
    },
    '/admin/dead-letters/{processor}/retry': {
      post: posting('retryDeadLetters', 'Try again now.', [processor], outcome, { filter, ...one }),
    },
    '/admin/dead-letters/{processor}/discard': {
      post: posting('discardDeadLetters', 'Give up for good.', [processor], outcome, { filter, ...discard }, [
        'filter',
        'reason',
      ]),
    },
    [sequencePath]: {
      get: getting(
        'getDeadLetter',
        'One sequence with its events.',
        [...sequence, ...page],
        refTo('DeadLetterDetail'),
        missing,
      ),
    },
    [`${sequencePath}/retry`]: {
      post: posting('retryDeadLetter', 'Try one sequence again now.', sequence, outcome, one, [], missing),
    },
    [`${sequencePath}/discard`]: {
      post: posting('discardDeadLetter', 'Give one up for good.', sequence, outcome, discard, ['reason'], missing),
    },
  }
}
