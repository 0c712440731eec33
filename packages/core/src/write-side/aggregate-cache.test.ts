import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AggregateCache } from './aggregate-cache.ts'
import type { LoadedAggregate } from './load-aggregate.ts'

function folded(aggregateId: string, version = 1): LoadedAggregate<number> {
  return { aggregateId, state: version, version, position: version, timestamp: '' }
}

test('what was used least recently is given up first, however much has passed through', () => {
  const cache = new AggregateCache<number>(50)
  const model: string[] = []
  const use = (id: string): void => {
    if (model.includes(id)) model.splice(model.indexOf(id), 1)
    model.push(id)
    if (model.length > 50) model.shift()
  }
  for (let step = 0; step < 5000; step++) {
    // Every third step uses something old again, every seventh forgets something.
    const old = model[(step * 7) % Math.max(model.length, 1)]
    if (old !== undefined && model.length === 50 && step % 3 === 0) {
      assert.ok(cache.get(old), `${old} at step ${step}`)
      use(old)
    }
    if (old !== undefined && step % 7 === 0) {
      cache.delete(old)
      model.splice(model.indexOf(old), 1)
    }
    cache.set(folded(`id-${step}`))
    use(`id-${step}`)
    assert.equal(cache.size, model.length)
  }
  for (const id of model) assert.equal(cache.get(id)?.aggregateId, id)
})

test('an older version never replaces a newer one', () => {
  const cache = new AggregateCache<number>(2)
  cache.set(folded('a', 3))
  cache.set(folded('a', 2))
  assert.equal(cache.get('a')?.version, 3)
})

test('a cache for nothing keeps nothing', () => {
  const cache = new AggregateCache<number>(0)
  cache.set(folded('a'))
  assert.equal(cache.size, 0)
  assert.equal(cache.get('a'), undefined)
})
