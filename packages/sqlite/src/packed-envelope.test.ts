/** The text that holds what a row of the log has besides its numbers and its data. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type EnvelopeParts, packEnvelope, unpackEnvelope, unpackFingerprint } from './packed-envelope.ts'

const checksum = '0123abcd'
const pack = (parts: EnvelopeParts, fingerprint: number | null = null): string =>
  checksum + packEnvelope(parts, fingerprint)

/** Ids that look like the signs of the text, and any other. */
const id = fc.oneof(
  fc.string({ unit: fc.constantFrom(...' %-=0235D'), minLength: 1, maxLength: 5 }),
  fc.string({ unit: 'grapheme', minLength: 1 }),
  fc.uuid(),
)
const parts: fc.Arbitrary<EnvelopeParts> = fc.tuple(id, id, id).chain((ids) =>
  fc.record(
    {
      schemaVersion: fc.nat(),
      eventId: fc.constantFrom(...ids),
      metadata: fc.record(
        {
          correlationId: fc.constantFrom(...ids),
          causationId: fc.constantFrom(...ids),
          commandId: fc.constantFrom(...ids),
          userId: id,
          sessionId: id,
        },
        { requiredKeys: [], noNullPrototype: true },
      ),
    },
    { noNullPrototype: true },
  ),
)

describe('a packed envelope', () => {
  test('gives back what was packed, whatever the ids are', () => {
    fc.assert(
      fc.property(parts, fc.option(fc.maxSafeNat()), (packed, fingerprint) => {
        const text = pack(packed, fingerprint)
        assert.deepEqual(unpackEnvelope(text), packed)
        assert.equal(unpackFingerprint(text), fingerprint)
      }),
      { numRuns: 2000 },
    )
  })

  test('can be read by a person', () => {
    const usual = { correlationId: 'c-1', commandId: 'c-1', causationId: 'c-1' }
    const examples: readonly [string, Partial<EnvelopeParts>, number?][] = [
      ['0123abcd 1 - e-1 c-1', { metadata: usual }],
      ['0123abcd 3 4711 e-1 c-1', { metadata: usual, schemaVersion: 3 }, 4711],
      ['0123abcd 1 - e-1 -', { metadata: {} }],
      [
        '0123abcd 1 - e-1 c-1 c-2 = ada%20l. -',
        { metadata: { ...usual, commandId: 'c-2', causationId: 'c-2', userId: 'ada l.' } },
      ],
      ['0123abcd 1 - e-1 - = x - s', { metadata: { causationId: 'x', sessionId: 's' } }],
      ['0123abcd 1 - %2D %3D', { eventId: '-', metadata: { correlationId: '=', commandId: '=', causationId: '=' } }],
    ]
    for (const [text, changed, fingerprint] of examples) {
      const packed = { schemaVersion: 1, eventId: 'e-1', metadata: {}, ...changed }
      assert.equal(pack(packed, fingerprint), text)
      assert.deepEqual(unpackEnvelope(text), packed)
    }
  })

  test('that is damaged is taken apart without an error: its checksum says that it is damaged', () => {
    fc.assert(
      fc.property(fc.string(), (text) =>
        assert.ok(unpackEnvelope(text) && typeof unpackFingerprint(text) !== 'string'),
      ),
    )
    for (const text of ['', ' ', checksum, `${checksum} `, `${checksum} 1 -`, `${checksum} x y z = = = = = =`]) {
      assert.equal(typeof unpackEnvelope(text).eventId, 'string')
    }
  })
})
