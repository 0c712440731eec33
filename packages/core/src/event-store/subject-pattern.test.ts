import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { errorOf } from '../sample-account.test.ts'
import { matchesSubject, subjectMatcher, subjectOf } from './subject-pattern.ts'

describe('subjects', () => {
  test('name the aggregate type and the event type', () => {
    assert.equal(subjectOf('Person', 'PersonCreated'), 'events.Person.PersonCreated')
  })
})

describe('a subject pattern', () => {
  test('matches as a NATS server does', () => {
    // From the documentation of NATS, and from its server's own tests.
    for (const [pattern, subject, isMatch] of [
      ['foo', 'foo', true],
      ['foo', 'bar', false],
      ['foo.*', 'foo.bar', true],
      ['foo.*', 'bar', false],
      ['foo.*', 'foo', false],
      ['foo.*', 'foo.bar.baz', false],
      ['foo.>', 'foo', false],
      ['foo.>', 'foo.bar', true],
      ['foo.>', 'foo.bar.baz', true],
      ['>', 'foo', true],
      ['>', 'foo.bar.baz', true],
      ['*', 'foo', true],
      ['*', 'foo.bar', false],
      ['*.*', 'foo.bar', true],
      ['*.bar.>', 'foo.bar.baz', true],
      ['*.bar.>', 'foo.bar', false],
      ['foo.*.>', 'foo.bar', false],
      ['foo.*.>', 'foo.bar.baz', true],
      ['foo*', 'foobar', false],
      ['foo*', 'foo*', true],
      ['foo.b*r', 'foo.bar', false],
      ['foo>', 'foobar', false],
      ['FOO', 'foo', false],
    ] as const) {
      assert.equal(matchesSubject(pattern, subject), isMatch, `${pattern} and ${subject}`)
    }
  })

  test('selects by type; of several, any may match', () => {
    const matches = subjectMatcher(['events.Person.*', 'events.*.Renamed'])
    const answers = [
      matches('Person', 'PersonCreated'),
      matches('Team', 'Renamed'),
      matches('Team', 'Founded'),
      // The second time the answer is remembered.
      matches('Person', 'PersonCreated'),
      matches('Team', 'Founded'),
    ]
    assert.deepEqual(answers, [true, true, false, true, false])
  })

  test('that is not well-formed is refused with what is wrong', async () => {
    for (const [pattern, message] of [
      ['', /must be a non-empty string/],
      ['events..*', /must not have an empty token/],
      ['.events', /must not have an empty token/],
      ['events.', /must not have an empty token/],
      ['events.>.x', /may have '>' only as its last token/],
      ['>.>', /may have '>' only as its last token/],
      ['events. .x', /must not contain white space/],
      ['events\u00a0', /must not contain white space/],
      [[], /a string or a list of at least one/],
      [['>', 5], /must be a non-empty string/],
      [null, /a string or a list of at least one/],
    ] as const) {
      const { message: found } = await errorOf(() => subjectMatcher(pattern as string), 'validation')
      assert.match(found, message)
    }
  })
})
