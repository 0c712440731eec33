import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Progress } from './progress.ts'

describe('progress', () => {
  test('is a line for every tenth where there is no terminal', () => {
    const { output, texts } = recorder()
    let time = 0
    const progress = new Progress(output, 20, () => time)
    for (let done = 1; done <= 20; done++) {
      time += 100
      progress.advance()
    }
    progress.say('Something else.')
    progress.finish()
    assert.equal(texts.length, 11)
    assert.equal(texts[0], ' 10% 2 of 20 commands, 10 per second\n')
    assert.equal(texts[9], '100% 20 of 20 commands, 10 per second\n')
    assert.equal(texts[10], 'Something else.\n')
  })

  test('is one bar on a terminal, drawn no more than ten times a second', () => {
    const { output, texts } = recorder({ isTTY: true, columns: 60 })
    let time = 0
    const progress = new Progress(output, 1000, () => time)
    for (let done = 1; done <= 1000; done++) {
      time += 1
      progress.advance()
    }
    progress.finish()
    assert.ok(texts.length <= 12, `${texts.length}`)
    const [last] = texts.slice(-2)
    assert.equal(last, '\r\u001b[2K[##########] 100% 1,000 of 1,000 commands, 1,000 per second')
    assert.equal(texts.at(-1), '\n')
  })

  test('of nothing is complete', () => {
    const { output, texts } = recorder({ isTTY: true, columns: 20 })
    new Progress(output, 0, () => 0).finish()
    assert.equal(texts[0], '\r\u001b[2K[] 100% 0 of 0 commands, 0 per second')
  })
})

function recorder(terminal: { readonly isTTY?: boolean; readonly columns?: number } = {}) {
  const texts: string[] = []
  return { texts, output: { ...terminal, write: (text: string) => texts.push(text) } }
}
