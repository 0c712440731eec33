/** What is not as it was written is noticed. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type EventRow, isIntact, withChecksum } from './row-checksum.ts'

const packed = ' 1 8412 01a20a26-76e9-7054-92d3-d9a50120d215 01a20a26-76e9-77fc-ad52-73f3373e7450 = = ada%20é -'

/** @returns a row as it is written */
function rowOf(data: string): EventRow {
  const numbers = [7, 962, 3, 2, 1_795_466_622_703] as const
  return [...numbers, withChecksum([...numbers, packed, data]), data]
}

/** @returns the row with other columns */
function changed(row: EventRow, column: number, value: number | string): EventRow {
  return row.with(column, value as never) as unknown as EventRow
}

const rows = {
  'short data': rowOf('{"name":"Ada","city":"Zürich 😀"}'),
  'data of which the last bytes are no four': rowOf('{"number":1}x'),
  'long data': rowOf(JSON.stringify({ text: 'é😀x'.repeat(2000) })),
}

for (const [name, row] of Object.entries(rows)) {
  describe(`a row with ${name}`, () => {
    test('is intact as it was written', () => {
      assert.ok(isIntact(row))
      assert.match(row[5], /^[0-9a-f]{8} 1 8412 /)
    })

    test('is not when any one of its numbers is another', () => {
      for (const column of [0, 1, 2, 3, 4]) {
        const number = row[column] as number
        const others = [number + 1, number - 1, -number, 0, number + 2 ** 32, number * 2 ** 8]
        for (let bit = 0; bit < 31; bit++) others.push((number % 2 ** 31) ^ (1 << bit))
        for (const other of others) assert.ok(!isIntact(changed(row, column, other)), `column ${column}: ${other}`)
      }
    })

    test('is not when any one of its characters is another, missing, twice there or swapped with the next', () => {
      for (const column of [5, 6]) {
        const text = row[column] as string
        const step = Math.ceil(text.length / 400)
        for (let at = 0; at < text.length; at += step) {
          const [before, here, next, after] = [
            text.slice(0, at),
            text.charAt(at),
            text.charAt(at + 1),
            text.slice(at + 2),
          ]
          const upper = here.toUpperCase() === here ? here.toLowerCase() : here.toUpperCase()
          const one = String.fromCharCode(here.charCodeAt(0) ^ 1)
          const others = [one, upper, '0', ' ', 'é', '', here + here].map((other) => before + other + next + after)
          for (const other of [...others, before + next + here + after]) {
            if (other !== text) assert.ok(!isIntact(changed(row, column, other)), `column ${column}, character ${at}`)
          }
        }
      }
    })

    test('is not when its texts are cut off, empty, swapped, much longer, or have characters that moved from one to the other', () => {
      const [envelope, data] = [row[5], row[6]]
      const moved = changed(changed(row, 5, envelope + data.charAt(0)), 6, data.slice(1))
      const swapped = changed(changed(row, 5, data), 6, envelope)
      const others = [
        ...['', envelope.slice(0, 8), envelope.slice(8), `${envelope} `, envelope.repeat(1000)].map((text) =>
          changed(row, 5, text),
        ),
        ...['', data.slice(1), `${data}\0`, `${data}\0\0\0\0`, data.repeat(2000)].map((text) => changed(row, 6, text)),
      ]
      for (const other of [moved, swapped, ...others]) assert.ok(!isIntact(other))
    })
  })
}
