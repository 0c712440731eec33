import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Command, EntityId, Query } from '@cim/core'
import fc from 'fast-check'
import { decodeAcknowledgment, encodeAcknowledgment } from './acknowledgment-codec.ts'
import { decodeCommand, decodeQuery, encodeCommand, encodeQuery } from './request-codec.ts'
import {
  accepted,
  anyAcknowledgment,
  anyData,
  anyId,
  assertGolden,
  bytes,
  issuesOf,
  readGolden,
  rejected,
} from './sample-wire.test.ts'

const forms = ['json', 'serde'] as const

const createPerson: Command = {
  commandType: 'CreatePerson',
  data: { legal_name: 'Ada Lovelace' },
  aggregateId: '018f3c5e-7a00-7000-8000-0000000000ad' as EntityId,
  commandId: '018f3c5e-7a00-7000-8000-0000000000c1',
  expectedVersion: 0,
}
const getPerson: Query = { queryType: 'GetPersonById', parameters: { id: 'ada' }, afterPosition: 42 }

const anyCommand: fc.Arbitrary<Command> = fc.record(
  {
    commandType: fc.constant('Create'),
    data: anyData,
    aggregateId: anyId.map((id) => id as EntityId),
    commandId: anyId,
    expectedVersion: fc.maxSafeNat(),
    correlationId: anyId,
    userId: anyId,
    sessionId: anyId,
  },
  { requiredKeys: ['commandType', 'data'], noNullPrototype: true },
)

describe('acknowledgments and requests', () => {
  for (const form of forms) {
    test(`${form}: are what their golden files say`, () => {
      assertGolden(`acknowledgment-${form}`, encodeAcknowledgment(accepted, form))
      assertGolden(`acknowledgment-rejected-${form}`, encodeAcknowledgment(rejected, form))
      assertGolden(
        `acknowledgment-pending-${form}`,
        encodeAcknowledgment({ ...accepted, status: 'Pending', version: 0, position: 0 }, form),
      )
      assertGolden(`command-${form}`, encodeCommand(createPerson, form))
      assertGolden(`query-${form}`, encodeQuery(getPerson, form))
      assert.deepEqual(decodeAcknowledgment(readGolden(`acknowledgment-rejected-${form}`)), rejected)
      assert.deepEqual(decodeCommand(readGolden(`command-${form}`), 'CreatePerson'), createPerson)
      assert.deepEqual(decodeQuery(readGolden(`query-${form}`), 'GetPersonById'), getPerson)
    })

    test(`${form}: come back as they were`, () => {
      fc.assert(
        fc.property(anyAcknowledgment, (one) =>
          assert.deepEqual(decodeAcknowledgment(encodeAcknowledgment(one, form)), one),
        ),
      )
      fc.assert(
        fc.property(anyCommand, (one) =>
          assert.deepEqual(decodeCommand(encodeCommand(one, form), one.commandType), one),
        ),
      )
      fc.assert(
        fc.property(anyData, fc.maxSafeNat(), (parameters, position) => {
          const moment = position % 2 === 0 ? { asOf: { position } } : { waitMs: 1, afterPosition: position }
          const query: Query = { queryType: 'Get', parameters: parameters ?? {}, ...moment }
          assert.deepEqual(decodeQuery(encodeQuery(query, form), 'Get'), query)
        }),
      )
    })
  }

  test('of the mission’s struct alone are read, given the command’s id', () => {
    const body = { aggregate_id: 'ada', version: 3, timestamp: { secs_since_epoch: 1, nanos_since_epoch: 0 } }
    const read = (status: unknown) => decodeAcknowledgment({ body: bytes({ ...body, status }) }, 'c-1')
    assert.deepEqual(read('Accepted'), {
      status: 'Accepted',
      aggregateId: 'ada',
      version: 3,
      position: 0,
      timestamp: '1970-01-01T00:00:01.000Z',
      commandId: 'c-1',
    })
    assert.deepEqual(read({ Rejected: 'why' }).reason, { code: 'rejected', message: 'why' })
    assert.deepEqual(
      issuesOf(() => read({ Rejected: 1 })),
      ['/status: must be "Accepted", "Pending", "Rejected" or {"Rejected": "why"}, got {"Rejected":1}'],
    )
  })

  test('may have their ids in headers', () => {
    const headers = { 'x-command-id': 'c%201', 'x-correlation-id': 'correlation:root' }
    assert.deepEqual(decodeCommand({ headers, body: bytes({ data: {}, aggregate_id: { value: 'ada' } }) }, 'Create'), {
      commandType: 'Create',
      data: {},
      aggregateId: 'ada',
      commandId: 'c 1',
      correlationId: 'root',
    })
  })

  test('that are wrong say what is', () => {
    assert.deepEqual(
      issuesOf(() =>
        decodeCommand({ body: bytes({ aggregate_id: 5, expected_version: -1, command_id: '' }) }, 'Create'),
      ),
      [
        '/data: must be what the command says, got nothing',
        '/aggregate_id: must be a string, got number',
        '/expected_version: must be a whole number from 0 to 9007199254740991, got -1',
        '/command_id: must have 1 to 200 characters, got 0',
      ],
    )
    assert.deepEqual(
      issuesOf(() => decodeQuery({ body: bytes({ as_of: {}, wait_ms: 30_001 }) }, 'Get')),
      [
        '/as_of: must be given without after_position and wait_ms: the past does not change, got {}',
        '/wait_ms: must be a whole number from 0 to 30000, got 30001',
        '/as_of: must be either a position or a timestamp, got {}',
      ],
    )
    const nested = (levels: number) => bytes(`{"data": ${'['.repeat(levels)}${']'.repeat(levels)}}`)
    assert.ok(decodeCommand({ body: nested(100) }, 'Create'))
    assert.deepEqual(
      issuesOf(() => decodeCommand({ body: nested(101) }, 'Create')),
      [': must be nested 101 levels deep at most'],
    )
    assert.match(
      issuesOf(() => encodeCommand({ commandType: 'C', data: { at: new Date(0) } }, 'json')).join(),
      /at \/at must be plain JSON/,
    )
    assert.deepEqual(decodeQuery({ body: bytes('') }, 'Get'), { queryType: 'Get', parameters: {} })
  })
})
