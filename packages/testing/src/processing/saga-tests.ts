/** Sagas over restarts, standstills and take-overs. */

import assert from 'node:assert/strict'
import type { BankProcess, BankTest } from './bank.ts'
import { until } from './suite-time.ts'

/** The events of a transfer's journal, by type. */
async function journalOf(process: BankProcess, id: string): Promise<readonly string[]> {
  const timeline = await process.application.sagas.timeline('MoneyTransfer', id)
  return timeline.map(({ eventType }) => eventType)
}

async function balances(process: BankProcess, ...ids: readonly string[]): Promise<readonly number[]> {
  const states = await Promise.all(ids.map((id) => process.application.stateAt('Account', id)))
  return states.map(({ state }) => (state as { readonly balance: number }).balance)
}

/** Each command of a saga has the id of the transfer as its correlation: nothing was taken or given twice. */
async function assertDoneOnce({ application: { eventStore } }: BankProcess): Promise<void> {
  const done = new Set<string>()
  for (let position = 0; ; ) {
    const page = await eventStore.readEvents({ aggregateType: 'Account', afterPosition: position })
    for (const { aggregateId, eventType, metadata } of page.events) {
      const line = `${metadata.correlationId}: ${eventType} ${aggregateId}`
      assert.equal(done.has(line), false, `${line} happened twice`)
      done.add(line)
    }
    if (page.isEnd) return
    position = page.position
  }
}

/** @param test registers tests with the adapter */
export function sagaTests(test: BankTest): void {
  test('transfers started in any process end once, and all processes see how', async (bank) => {
    const [one, other] = [await bank.start('one'), await bank.start('other')]
    await one.deposit('a', 100)
    await other.deposit('b', 100)
    const ids = Array.from({ length: 20 }, (_, index) => `t-${index}`)
    await Promise.all(
      ids.map((id, index) => {
        const [process, from, to] = index % 2 === 0 ? [one, 'a', 'b'] : [other, 'b', 'a']
        return process.order(id, { from, to, amount: 5 })
      }),
    )
    for (const process of [one, other]) {
      for (const id of ids) assert.equal(await process.ended(id), 'Completed')
    }
    assert.deepEqual(await balances(one, 'a', 'b'), [100, 100])
    const [overview] = await other.application.sagas.overview()
    assert.deepEqual([overview?.totals.Completed, overview?.totals.Running], [20, 0])
    await assertDoneOnce(one)
  })

  test('a command that is refused is an input, and what was done is compensated', async (bank) => {
    const [one, other] = [await bank.start('one'), await bank.start('other')]
    await one.deposit('a', 10)
    await one.close('shut')
    await other.order('too much', { from: 'a', to: 'b', amount: 11 })
    await other.order('to nowhere', { from: 'a', to: 'shut', amount: 10 })
    for (const process of [one, other]) {
      assert.equal(await process.ended('too much'), 'Failed: too-little')
      assert.equal(await process.ended('to nowhere'), 'Failed: closed')
    }
    assert.deepEqual(await balances(one, 'a', 'b', 'shut'), [10, 0, 0])
    await assertDoneOnce(one)
  })

  test('an event finds instances by their keys, also those that another process has started', async (bank) => {
    const one = await bank.start('one')
    await one.deposit('a', 10)
    for (const id of ['t-1', 't-2']) await one.order(id, { from: 'a', to: 'nobody', amount: 5 })
    await until('both have taken their money', async () => (await balances(one, 'a'))[0] === 0)
    await one.stop()
    const other = await bank.start('other')
    await other.close('nobody')
    for (const id of ['t-1', 't-2']) assert.equal(await other.ended(id), 'Failed: closed')
    assert.deepEqual(await balances(other, 'a'), [10])
    await assertDoneOnce(other)
  })

  test('a deadline is reached once, also one that was due while nothing ran', async (bank) => {
    const [one, other] = [await bank.start('one'), await bank.start('other')]
    await one.deposit('a', 10)
    const ids = ['t-1', 't-2', 't-3', 't-4', 't-5']
    for (const id of ids) await one.order(id, { from: 'a', to: 'nobody', amount: 2 })
    await until('all have taken their money', async () => (await balances(one, 'a'))[0] === 0)
    await one.stop()
    await other.stop()
    bank.passDeadlines()
    for (const process of await Promise.all([bank.start('one'), bank.start('other')])) {
      for (const id of ids) {
        assert.equal(await process.ended(id), 'Failed: too-slow')
        const reached = (await journalOf(process, id)).filter((eventType) => eventType === 'DeadlineReached')
        assert.equal(reached.length, 1)
      }
      assert.deepEqual(await balances(process, 'a'), [10])
      await assertDoneOnce(process)
    }
  })

  test('events that come again are handled once', async (bank) => {
    const one = await bank.start('one')
    await one.deposit('a', 10)
    await one.order('t-1', { from: 'a', to: 'b', amount: 4 })
    await one.order('t-2', { from: 'a', to: 'nobody', amount: 4 })
    assert.equal(await one.ended('t-1'), 'Completed')
    await until('the other has taken its money', async () => (await balances(one, 'a'))[0] === 2)
    const before = [await journalOf(one, 't-1'), await journalOf(one, 't-2')]
    const { progressStore = one.stores.viewStore.progressStore } = one.stores
    await one.application.stop()
    await progressStore.moveProgress('MoneyTransfer', 0, bank.time.now())
    await one.application.start()
    await one.application.processing.drain('MoneyTransfer')
    assert.deepEqual([await journalOf(one, 't-1'), await journalOf(one, 't-2')], before)
    assert.deepEqual(await balances(one, 'a', 'b'), [2, 4])
  })
}

/** Transfers of every kind, ordered while whoever runs the saga stands still somewhere. */
async function orderAll(process: BankProcess, round: string): Promise<void> {
  await process.deposit('a', 20)
  for (let number = 0; number < 4; number++) {
    await process.order(`${round} good ${number}`, { from: 'a', to: 'b', amount: 3 })
  }
  await process.order(`${round} shut`, { from: 'a', to: 'shut', amount: 3 })
  await process.order(`${round} slow`, { from: 'a', to: 'nobody', amount: 3 })
}

async function untilTaken({ application }: BankProcess, id: string): Promise<void> {
  await until(`${id} has taken its money`, async () => {
    return (await application.sagas.get('MoneyTransfer', id))?.doneSteps.length === 1
  })
}

/** All but the one that waits have ended. */
async function assertOthersEnded(process: BankProcess, round: string): Promise<void> {
  for (let number = 0; number < 4; number++) assert.equal(await process.ended(`${round} good ${number}`), 'Completed')
  assert.equal(await process.ended(`${round} shut`), 'Failed: closed')
}

async function assertEnded(process: BankProcess, round: string): Promise<void> {
  await assertOthersEnded(process, round)
  assert.equal(await process.ended(`${round} slow`), 'Failed: too-slow')
}

/** @param test registers tests with the adapter */
export function sagaTakeOverTests(test: BankTest): void {
  test('whoever takes over goes on in the middle; what the one before does late changes nothing', async (bank) => {
    let [owner, standby] = [await bank.start('one'), await bank.start('other')]
    await owner.close('shut')
    for (const calls of [2, 7, 12, 18, 25, 33]) {
      const round = `after ${calls}`
      owner.frozen.freezeAfter(calls)
      await orderAll(standby, round)
      await until('the owner stands still', () => owner.frozen.isFrozen)
      bank.passLongTime()
      await assertOthersEnded(standby, round)
      await untilTaken(standby, `${round} slow`)
      bank.passDeadlines()
      await assertEnded(standby, round)
      owner.frozen.thaw()
      await assertEnded(owner, round)
      await assertDoneOnce(standby)
      ;[owner, standby] = [standby, owner]
    }
    assert.deepEqual(await balances(owner, 'b', 'nobody'), [6 * 12, 0])
  })

  test('a process whose views are empty takes over, and ends what others began', async (bank) => {
    const one = await bank.start('one')
    await one.close('shut')
    await one.deposit('a', 10)
    await one.order('begun', { from: 'a', to: 'nobody', amount: 10 })
    await untilTaken(one, 'begun')
    one.frozen.freeze()
    await until('it stands still', () => one.frozen.isFrozen)
    const late = await bank.start('late')
    bank.passLongTime()
    await orderAll(late, 'later')
    await assertOthersEnded(late, 'later')
    await untilTaken(late, 'later slow')
    bank.passDeadlines()
    assert.equal(await late.ended('begun'), 'Failed: too-slow')
    await assertEnded(late, 'later')
    one.frozen.thaw()
    await assertEnded(one, 'later')
    await assertDoneOnce(late)
    assert.deepEqual(await balances(late, 'a', 'b'), [18, 12])
  })

  test('an operator cancels, in a process that does not run the saga', async (bank) => {
    const [one, other] = [await bank.start('one'), await bank.start('other')]
    await one.deposit('a', 10)
    await one.order('t-1', { from: 'a', to: 'nobody', amount: 10 })
    await until('the money was taken', async () => (await balances(one, 'a'))[0] === 0)
    await untilTaken(other, 't-1')
    const { status } = await other.application.sagas.cancel('MoneyTransfer', 't-1', 'a test')
    assert.equal(status, 'Accepted')
    for (const process of [one, other]) assert.match(await process.ended('t-1'), /^Failed/)
    assert.deepEqual(await balances(one, 'a'), [10])
    await assertDoneOnce(one)
  })
}
