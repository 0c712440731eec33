/** Which aggregate is in which shard: for ever. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ShardRule } from './shard-rule.ts'

describe('the shard of an aggregate', () => {
  test('is the same in every version: events are looked for where they were stored', () => {
    const byId = new ShardRule(7, 'aggregate-id')
    const ids = ['ada', 'bob', '', '😀', '\ud800', '0198c0de-0000-7000-8000-000000000001']
    const shards = ids.map((aggregateId) => byId.shardOf({ aggregateType: 'Person', aggregateId }))
    assert.deepEqual(shards, [2, 6, 3, 4, 3, 6])
    const byType = new ShardRule(7, 'aggregate-type')
    const types = ['Person', 'Team', 'Employment'].map((aggregateType) =>
      byType.shardOf({ aggregateType, aggregateId: 'any' }),
    )
    assert.deepEqual(types, [4, 1, 5])
  })

  test('is about as often one as any other', () => {
    for (const shards of [2, 3, 8, 64]) {
      const rule = new ShardRule(shards, 'aggregate-id')
      const counts = new Array<number>(shards).fill(0)
      for (let id = 0; id < 1000 * shards; id++) {
        const shard = rule.shardOf({ aggregateType: 'Person', aggregateId: `p-${id}` })
        counts[shard] = (counts[shard] ?? 0) + 1
      }
      assert.ok(Math.min(...counts) > 850 && Math.max(...counts) < 1150, `${counts}`)
    }
  })
})

describe('the shards of a pattern', () => {
  const byType = new ShardRule(100, 'aggregate-type')
  const [person, team] = ['Person', 'Team'].map((aggregateType) => byType.shardOf({ aggregateType, aggregateId: '' }))

  test('are those of its types when types decide', () => {
    for (const [patterns, shards] of [
      ['events.Person.*', [person]],
      [
        ['events.Person.PersonCreated', '*.Team.>'],
        [person, team],
      ],
      [['events.Person.*', 'events.*.Renamed'], undefined],
      ['events.>', undefined],
      ['>', undefined],
      [undefined, undefined],
    ] as const) {
      const found = byType.shardsOf(undefined, patterns)
      assert.deepEqual(found && [...found].sort(), shards && [...shards].sort(), `${patterns}`)
    }
    assert.deepEqual([...(byType.shardsOf('Team', 'events.>') ?? [])], [team])
  })

  test('are all when ids decide', () => {
    assert.equal(new ShardRule(100, 'aggregate-id').shardsOf('Person', 'events.Person.*'), undefined)
  })
})
