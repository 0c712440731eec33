/** Views and reactions over restarts, standstills and take-overs. */

import assert from 'node:assert/strict'
import type { CommandAcknowledgment } from '@cim/core'
import { present } from '../conformance/assertions.ts'
import type { Bank, BankProcess, BankTest } from './bank.ts'
import { bankCommands } from './sample-bank.ts'
import { until } from './suite-time.ts'

const ids = ['a', 'b', 'c', 'd', 'e']
const key = 'Balances@1'

async function depositAll(process: BankProcess, rounds: number): Promise<number> {
  let newest = 0
  for (let round = 0; round < rounds; round++) {
    newest = Math.max(newest, ...(await Promise.all(ids.map((id) => process.deposit(id)))))
  }
  return newest
}

/** Every account has seen this many events, each once and in order. */
async function assertWhole(process: BankProcess, count: number, afterPosition: number): Promise<void> {
  const sequences = Array.from({ length: count }, (_, index) => index + 1)
  for (const id of ids) assert.deepEqual(await process.balance(id, afterPosition), { balance: count, sequences })
}

const progressOf = ({ stores: { progressStore, viewStore } }: BankProcess) =>
  (progressStore ?? viewStore.progressStore).readProgress('Receipts')

async function untilTold(bank: Bank, count: number): Promise<void> {
  await until(`${count} events were told`, () => new Set(bank.told).size >= count)
}

/** @param test registers tests with the adapter */
export function viewTests(test: BankTest): void {
  test('a view has each event once and in order, however often processes stand still, end and begin again', async (bank) => {
    let [one, other] = [await bank.start('one'), await bank.start('other')]
    let newest = 0
    for (let round = 1; round <= 4; round++) {
      const [frozen, active] = round % 2 === 0 ? [one, other] : [other, one]
      frozen.frozen.freezeAfter(round * 3)
      newest = Math.max(newest, await depositAll(active, 2))
      bank.passLongTime()
      newest = Math.max(newest, await depositAll(active, 2))
      await assertWhole(active, round * 4, newest)
      if (round % 2 === 0) {
        await one.stop()
        one = await bank.start('one')
      } else frozen.frozen.thaw()
    }
    for (const process of [one, other]) {
      await assertWhole(process, 16, newest)
      assert.equal((await process.application.processing.audit(key)).verdict, 'complete')
    }
    await other.stop()
    other = await bank.start('other')
    await assertWhole(other, 16, newest)
  })

  test('whoever asks for a position reads its own writes, and those of other processes', async (bank) => {
    const [one, other] = [await bank.start('one'), await bank.start('other')]
    for (let count = 1; count <= 15; count++) {
      const [writer, reader] = count % 2 === 0 ? [one, other] : [other, one]
      const position = await writer.deposit('a')
      assert.equal((await reader.balance('a', position))?.balance, count)
      assert.equal((await writer.balance('a', position))?.balance, count)
    }
  })

  test('what fails is held back with what follows it, and goes on in order when somebody retries', async (bank) => {
    const one = await bank.start('one')
    bank.troubles.add('b')
    const newest = await depositAll(one, 3)
    const { deadLetters } = one.application.processing
    await until('one account is parked', async () => {
      return (await deadLetters.list(key)).sequences[0]?.eventCount === 3
    })
    const [parked] = (await deadLetters.list(key)).sequences
    assert.deepEqual([parked?.aggregateId, parked?.state, parked?.fromSequence], ['b', 'parked', 1])
    assert.equal((await one.balance('a', newest))?.balance, 3)
    assert.equal(await one.balance('b', newest), undefined)
    await one.stop()
    const again = await bank.start('one')
    bank.troubles.clear()
    const last = await depositAll(again, 1)
    await again.application.processing.deadLetters.retry(key)
    await until('b has all', async () => (await again.balance('b', last))?.balance === 4)
    await assertWhole(again, 4, last)
  })

  test('a view is built anew beside the one that is read, and takes its place', async (bank) => {
    const one = await bank.start('one')
    await depositAll(one, 3)
    const build = await one.application.viewBuilds.rebuild('Balances')
    const during = await depositAll(one, 2)
    await assertWhole(one, 5, during)
    await one.application.viewBuilds.promote('Balances', build)
    await assertWhole(one, 6, await depositAll(one, 1))
    const builds = await one.application.viewBuilds.list('Balances')
    assert.deepEqual(
      builds.filter(({ state }) => state === 'live').map((live) => live.key),
      [build],
    )
  })
}

/** @param test registers tests with the adapter */
export function effectTests(test: BankTest): void {
  test('a reaction handles each event in one of the processes, in order for each account', async (bank) => {
    const [one, other] = [await bank.start('one'), await bank.start('other')]
    await Promise.all([depositAll(one, 5), depositAll(other, 5)])
    await untilTold(bank, 50)
    assert.equal(bank.told.length, 50)
    for (const id of ids) {
      const told = bank.told.filter((line) => line.startsWith(id))
      assert.deepEqual(
        told,
        told.map((_, index) => `${id} ${index + 1}`),
      )
    }
    await one.stop()
    await depositAll(other, 1)
    await untilTold(bank, 55)
    assert.equal(bank.told.length, 55)
  })

  test('a save that comes late, after another has taken over, is refused and changes nothing', async (bank) => {
    const one = await bank.start('one')
    await depositAll(one, 1)
    await untilTold(bank, 5)
    await until('all is saved', async () => (await progressOf(one))?.position === 5)
    one.frozen.freezeAt('saveProgress')
    const other = await bank.start('other')
    await depositAll(other, 1)
    await until('the first one stands still, about to save', () => one.frozen.isFrozen)
    bank.passLongTime()
    await depositAll(other, 1)
    await until('the other has taken over', async () => (await progressOf(other))?.position === 15)
    const before = present(await progressOf(other))
    assert.equal(before.epoch > 1, true)
    one.frozen.thaw()
    await until('the late save was refused', () => one.frozen.refusals.some(({ code }) => code === 'stale-owner'))
    const after = present(await progressOf(other))
    assert.deepEqual([after.owner, after.epoch, after.position], [before.owner, before.epoch, 15])
    assert.equal(after.seen.count, 15)
    await depositAll(one, 1)
    await untilTold(bank, 20)
    // Only what was handled and not saved has come again.
    assert.equal(bank.told.length <= 25, true, `${bank.told.length} were told`)
  })

  test('dead letters of a reaction can be mended in any process, and keep their order', async (bank) => {
    const [one, other] = [await bank.start('one'), await bank.start('other')]
    bank.troubles.add('b')
    await depositAll(one, 3)
    const { deadLetters } = other.application.processing
    await until('b is parked', async () => (await deadLetters.list('Receipts')).sequences[0]?.eventCount === 3)
    assert.equal(bank.told.filter((line) => line.startsWith('b')).length, 0)
    bank.troubles.clear()
    const given = await deadLetters.discard('Receipts', { aggregateId: 'b' }, { reason: 'a test', isFirstOnly: true })
    assert.equal(given.sequenceCount, 1)
    await until('the rest of b was told', async () => {
      await bank.passShortTime()
      return bank.told.filter((line) => line.startsWith('b')).length === 2
    })
    assert.deepEqual(
      bank.told.filter((line) => line.startsWith('b')),
      ['b 2', 'b 3'],
    )
    const [record] = await one.application.processing.deadLetters.discarded('Receipts')
    assert.deepEqual([record?.aggregateId, record?.fromSequence, record?.reason], ['b', 1, 'a test'])
  })

  test('a processor that is paused in one process is run by none', async (bank) => {
    const [one, other] = [await bank.start('one'), await bank.start('other')]
    await depositAll(one, 1)
    await untilTold(bank, 5)
    await other.application.processing.pause('Receipts')
    await until('nobody runs it', async () => {
      await bank.passShortTime()
      return (await progressOf(other))?.owner === undefined
    })
    const newest = await depositAll(one, 1)
    bank.passLongTime()
    await assertWhole(other, 2, newest)
    assert.equal(bank.told.length, 5)
    await one.application.processing.resume('Receipts')
    await until('all is told', async () => {
      await bank.passShortTime()
      return bank.told.length === 10
    })
  })

  test('queued commands are executed once, though whoever executes them stands still', async (bank) => {
    const [one, other] = [await bank.start('one'), await bank.start('other')]
    const queue = (process: BankProcess, amount: number) =>
      process.application.dispatch(bankCommands.deposit('a', amount), { mode: 'async' })
    one.frozen.freezeAfter(25)
    const queued: CommandAcknowledgment[] = []
    for (let count = 0; count < 10; count++) queued.push(await queue(other, 1))
    await until('the first one stands still', () => one.frozen.isFrozen)
    bank.passLongTime()
    for (let count = 0; count < 10; count++) queued.push(await queue(other, 1))
    // Whoever waits counts a lease from the last sign of life that it has seen: time goes on until it is over for the other, too.
    await until('every queued command is executed', async () => {
      bank.passLongTime()
      const now = queued.map(({ commandId = '' }) => other.application.acknowledgmentOf(commandId, { waitMs: 500 }))
      return (await Promise.all(now)).every(({ status }) => status === 'Accepted')
    })
    one.frozen.thaw()
    const position = await one.deposit('a')
    for (const process of [one, other]) assert.equal((await process.balance('a', position))?.balance, 21)
  })
}
