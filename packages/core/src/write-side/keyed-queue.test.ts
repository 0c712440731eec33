import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { settle } from '../sample-account.test.ts'
import { KeyedQueue } from './keyed-queue.ts'

describe('a keyed queue', () => {
  test('runs tasks of one key one after the other, and those of others beside them', async () => {
    const queue = new KeyedQueue()
    const log: string[] = []
    const gates = new Map<string, () => void>()
    const task = (name: string) => () =>
      new Promise<string>((resolve) => {
        log.push(`${name} begins`)
        gates.set(name, () => {
          log.push(`${name} ends`)
          resolve(name)
        })
      })
    const running = [queue.run('a', task('a1')), queue.run('a', task('a2')), queue.run('b', task('b1'))]
    assert.deepEqual(log, ['a1 begins', 'b1 begins'])
    assert.equal(queue.size, 2)
    for (const name of ['b1', 'a1', 'a2']) {
      gates.get(name)?.()
      await settle()
    }
    assert.deepEqual(await Promise.all(running), ['a1', 'a2', 'b1'])
    assert.deepEqual(log, ['a1 begins', 'b1 begins', 'b1 ends', 'a1 ends', 'a2 begins', 'a2 ends'])
  })

  test('goes on after a task that failed', async () => {
    const queue = new KeyedQueue()
    const failing = queue.run('a', () => Promise.reject(new Error('broken')))
    const next = queue.run('a', async () => 'fine')
    await assert.rejects(failing, /broken/)
    assert.equal(await next, 'fine')
  })

  test('forgets keys that have nothing to do', async () => {
    const queue = new KeyedQueue()
    const tasks = Array.from({ length: 100 }, (_, index) => queue.run(`key-${index % 10}`, async () => index))
    assert.equal(queue.size, 10)
    await Promise.allSettled([...tasks, queue.run('bad', () => Promise.reject(new Error('broken')))])
    await settle()
    assert.equal(queue.size, 0)
  })
})
