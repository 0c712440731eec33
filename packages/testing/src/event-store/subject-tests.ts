/** Subject patterns, exactly as a NATS server matches them. */

import assert from 'node:assert/strict'
import type { DomainEventEnvelope, EventStore } from '@cim/core'
import fc from 'fast-check'
import { rejectsWithCode } from '../conformance/assertions.ts'
import { checkProperty } from '../conformance/check-property.ts'
import type { StoreTests } from '../conformance/store-tests.ts'
import { allEvents } from './sample-events.ts'

const names = ['Person', 'Per', 'PersonCreated', 'Created', 'events']

/** @param tests registers tests with the adapter */
export function subjectTests({ test }: StoreTests<EventStore>): void {
  test('patterns select events by aggregate type and event type', async ({ store }) => {
    await fill(store)
    const everything = await allEvents(store)
    const all = everything.length
    for (const [pattern, count] of [
      ['events.>', all],
      ['>', all],
      ['*.*.*', all],
      ['events.*.*', all],
      ['events.Person.>', 5],
      ['events.Person.*', 5],
      ['events.*.PersonCreated', 5],
      ['events.Person.PersonCreated', 1],
      ['*.Person.*', 5],
      // A wildcard inside a token is an ordinary character.
      ['events.Per*.*', 0],
      ['events.*son.*', 0],
      ['events.Person>', 0],
      // Case counts, and so does the number of tokens.
      ['events.person.*', 0],
      ['events', 0],
      ['events.*', 0],
      ['events.Person', 0],
      ['events.Person.PersonCreated.*', 0],
      ['events.Person.PersonCreated.>', 0],
      ['*.*.*.*', 0],
      ['*.*.*.>', 0],
    ] as const) {
      assert.equal((await read(store, pattern)).length, count, pattern)
    }
  })

  test('any pattern, read or subscribed to, matches what the reference matches', async ({ store }) => {
    await fill(store)
    const everything = await allEvents(store)
    const token = fc.constantFrom(...names, '*', '*', 'Per*', '>x', 'e')
    const pattern = fc
      .tuple(fc.array(token, { minLength: 1, maxLength: 4 }), fc.boolean())
      .map(([tokens, isOpen]) => [...tokens, ...(isOpen ? ['>'] : [])].join('.'))
    const patterns = fc.oneof(pattern, fc.array(pattern, { minLength: 1, maxLength: 3 }))
    const property = fc.asyncProperty(patterns, async (subjectPatterns) => {
      const expected = everything.filter(({ aggregateType, eventType }) =>
        [subjectPatterns].flat().some((one) => isMatch(one, `events.${aggregateType}.${eventType}`)),
      )
      assert.deepEqual(await read(store, subjectPatterns), expected)
      assert.deepEqual(await follow(store, subjectPatterns), expected)
    })
    await checkProperty(property, 150)
  })

  test('a pattern that is not well-formed is an error', async ({ store }) => {
    const wrong = ['', '.', 'events.', '.Person', 'events..*', '>.Person', 'events.>.Created', 'events. .*', 'a\tb']
    for (const pattern of [...wrong, [], ['events.>', ''], 42 as unknown as string]) {
      await rejectsWithCode(store.readEvents({ subjectPatterns: pattern }), 'validation')
      await rejectsWithCode(() => store.subscribe(pattern), 'validation')
    }
  })
}

/** One event of each type in one aggregate of each type. */
async function fill(store: EventStore): Promise<void> {
  for (const aggregateType of names) {
    const events = names.map((eventType) => ({ eventType, eventData: null }))
    await store.appendEvents({ aggregateType, aggregateId: 'a' }, events, { expectedVersion: 0 })
  }
}

async function read(store: EventStore, subjectPatterns: string | readonly string[]) {
  return (await store.readEvents({ subjectPatterns })).events
}

async function follow(store: EventStore, subjectPatterns: string | readonly string[]) {
  const head = await store.headPosition()
  const found: DomainEventEnvelope[] = []
  let before = 0
  for await (const { events, position } of store.subscribe(subjectPatterns, { batchSize: 10 })) {
    assert.ok(position > before, 'positions rise from batch to batch')
    before = position
    found.push(...events)
    if (position >= head) break
  }
  return found
}

/** The reference: the pattern as a regular expression. */
function isMatch(pattern: string, subject: string): boolean {
  const source = pattern
    .split('.')
    .map((token) => (token === '*' ? '[^.]+' : token === '>' ? '.+' : token.replaceAll(/[*>]/g, '[$&]')))
    .join('[.]')
  return new RegExp(`^${source}$`).test(subject)
}
