import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { deadline, defineSaga, step } from '@cim/core'
import { givenSaga, pastEvent, ScenarioError } from '@cim/testing'
import { account, dayMs, transfer, transferSaga } from './sample-transfer.test.ts'

const order = { from: 'a', to: 'b', amount: 7 }
const caused = { metadata: { correlationId: 't-1' } }
const ordered = pastEvent(transfer, 't-1', 'Ordered', order)
const withdrawn = pastEvent(account, 'a', 'Withdrawn', { amount: 7 }, caused)
const deposited = pastEvent(account, 'b', 'Deposited', { amount: 7 }, caused)
const recalled = pastEvent(transfer, 't-1', 'Recalled', { reason: 'changed my mind' })

const withdraw = account.command('Withdraw', { amount: 7 }, { aggregateId: account.id('a') })
const give = account.command('Deposit', { amount: 7 }, { aggregateId: account.id('b') })
const giveBack = account.command('Deposit', { amount: 7 }, { aggregateId: account.id('a') })
const takeBack = account.command('Withdraw', { amount: 7 }, { aggregateId: account.id('b') })
const patience = deadline('Patience', { afterMs: 3 * dayMs }, { amount: 7 })
const closed = { code: 'closed', message: 'The account is closed.' }

describe('given a saga, when, then', () => {
  test('a scenario that goes as told passes', () => {
    givenSaga(transferSaga)
      .whenEvent(ordered)
      .thenCommands([step('Take', withdraw)])
      .thenDeadlines([patience])
      .thenState({ stage: 'taking', order })
    givenSaga(transferSaga, [ordered])
      .whenEvent(withdrawn)
      .thenCommands([give])
      .thenState(({ stage }) => stage === 'giving')
    givenSaga(transferSaga, [ordered, withdrawn])
      .whenEvent(deposited)
      .thenCompleted()
      .thenDeadlines([])
      .whenEvent(recalled)
      .thenNothing()
  })

  test('a saga that fails compensates what was accepted, in reverse order', () => {
    givenSaga(transferSaga, [ordered]).whenDeadline('Patience').thenCommands([giveBack]).thenFailed('too-slow')
    givenSaga(transferSaga, [ordered, withdrawn])
      .whenCancelled('no longer wanted')
      .thenCommands([takeBack, giveBack])
      .thenFailed('cancelled')
    givenSaga(transferSaga, [ordered])
      .whenRejected('Withdraw', { code: 'overdrawn', message: 'The balance is too low.' })
      .thenCommands([])
      .thenFailed('overdrawn')
  })

  test('time goes on to each deadline, and by the timestamps of events', () => {
    givenSaga(transferSaga, [ordered, withdrawn], { now: '2026-05-01T12:00:00.000Z' })
      .whenRejected('Deposit', closed)
      .thenDeadlines([patience, deadline('TryAgain', { dueAt: '2026-05-02T12:00:00.000Z' })])
      .whenDeadline('TryAgain')
      .thenCommands([step('Give', give)])
      .whenRejected('Deposit', closed)
      .thenDeadlines([
        deadline('TryAgain', { dueAt: '2026-05-03T12:00:00.000Z' }),
        deadline('Patience', { dueAt: '2026-05-04T12:00:00.000Z' }, { amount: 7 }),
      ])
    const late = pastEvent(transfer, 't-1', 'Ordered', order, { timestamp: '2026-06-01T00:00:00.000Z' })
    givenSaga(transferSaga)
      .whenEvent(late)
      .thenDeadlines([deadline('Patience', { dueAt: '2026-06-04T00:00:00.000Z' }, { amount: 7 })])
  })

  test('a command that is left under way is compensated once it is known to be accepted', () => {
    const failing = givenSaga(transferSaga, [ordered], { underWay: ['Withdraw'] })
      .whenEvent(recalled)
      .thenCommands([])
    failing.whenAccepted('Withdraw').thenCommands([giveBack]).thenFailed('recalled')
    failing
      .whenRejected('Withdraw', { code: 'overdrawn', message: 'The balance is too low.' })
      .thenCommands([])
      .thenFailed('recalled')
    assert.match(
      messageOf(() => failing.thenFailed('recalled')),
      /with 'recalled', it is Compensating because of/,
    )
  })

  test('a compensation that is refused makes it stuck, unless the saga says that nothing is left to do', () => {
    const cancelled = givenSaga(transferSaga, [ordered, withdrawn]).whenCancelled('no longer wanted')
    cancelled
      .whenRejected('Withdraw', { code: 'overdrawn', message: 'The balance is too low.' })
      .thenCommands([giveBack])
      .thenFailed('cancelled')
    cancelled
      .whenRejected('Deposit', closed, ({ aggregateId }) => aggregateId === 'a')
      .thenStuck('Deposit, which compensates Take, was refused')
      .thenCommands([])
      .whenRetried()
      .thenCommands([giveBack])
      .thenFailed('cancelled')
  })

  test('events reach the instance by its key, and those of others do not', () => {
    const bankClosed = pastEvent(transfer, 'any', 'BankClosed', { reason: 'bankrupt' })
    givenSaga(transferSaga, [ordered]).whenEvent(bankClosed).thenFailed('bank-closed')
    givenSaga(transferSaga, [ordered])
      .whenEvent(pastEvent(transfer, 't-2', 'Recalled', { reason: 'no' }))
      .thenNothing()
      .whenEvent(pastEvent(transfer, 't-2', 'Ordered', order))
      .thenNothing()
      .whenEvent(pastEvent(account, 'a', 'Closed', { reason: 'moved' }))
      .thenNothing()
    givenSaga(transferSaga, [], { sagaId: 't-2' }).whenEvent(ordered).thenNothing()
    givenSaga(transferSaga).whenEvent(bankClosed).thenNothing()
  })

  test('a scenario may go on in two ways from the same step', () => {
    const taken = givenSaga(transferSaga, [ordered, withdrawn])
    taken.whenEvent(deposited).thenCompleted()
    taken.whenEvent(recalled).thenFailed('recalled')
    taken.whenEvent(deposited).thenCompleted()
  })
})

describe('a scenario of a saga that goes otherwise', () => {
  test('shows other commands with the difference', () => {
    const then = givenSaga(transferSaga, [ordered]).whenEvent(withdrawn)
    assert.equal(
      messageOf(() => then.thenCommands([step('Take', withdraw), give])),
      `given MoneyTransfer, Ordered, when Withdrawn: the list of commands is not as expected.
  expected: [{"step":"Take","command":{"aggregateId":"a","commandType":"Withdraw","data":{"amount":7}}},{"aggregateId":"b","commandType":"Deposit","data":{"amount":7}}]
  actual:   [{"step":"Give","command":{"aggregateId":"b","commandType":"Deposit","data":{"amount":7}}}]
  difference:
    /0/step: expected "Take", got "Give"
    /0/command/aggregateId: expected "a", got "b"
    /0/command/commandType: expected "Withdraw", got "Deposit"
    /1: expected {"aggregateId":"b","commandType":"Deposit","data":{"amount":7}}, is missing`,
    )
    assert.match(
      messageOf(() => then.thenCommands([])),
      /\/0: not expected, got \{"step":"Give"/,
    )
  })

  test('shows other deadlines and another state with the difference', () => {
    const then = givenSaga(transferSaga).whenEvent(ordered)
    assert.equal(
      messageOf(() => then.thenDeadlines([deadline('Patience', { afterMs: 5 }), deadline('Other', { afterMs: 1 })])),
      `given MoneyTransfer, when Ordered: the list of deadlines is not as expected.
  expected: [{"name":"Other","afterMs":1},{"name":"Patience","afterMs":5}]
  actual:   [{"name":"Patience","afterMs":259200000,"data":{"amount":7}}]
  difference:
    /0/name: expected "Other", got "Patience"
    /0/afterMs: expected 1, got 259200000
    /0/data: not expected, got {"amount":7}
    /1: expected {"name":"Patience","afterMs":5}, is missing`,
    )
    assert.match(
      messageOf(() => then.thenDeadlines([])),
      /\/0: not expected, got \{"name":"Patience","dueAt":"2026-01-04T00:00:00.000Z","data":\{"amount":7\}\}/,
    )
    assert.match(
      messageOf(() => then.thenState({ stage: 'giving' })),
      /the state is not as expected.\n {2}expected: \{"stage":"giving"\}\n {2}actual: {3}\{"stage":"taking"\}/,
    )
  })

  test('shows all of the instance when it has not come to the end that was told', () => {
    const running = givenSaga(transferSaga).whenEvent(ordered)
    assert.match(
      messageOf(() => running.thenCompleted()),
      /^given MoneyTransfer, when Ordered: expected the saga to be completed, it is Running\.\n {2}state: \{"order":\{.*\},"stage":"taking"\}\n {2}pending commands: \[\]\n {2}pending deadlines: \[\{.*"name":"Patience".*\}\]\n {2}what its journal got: \[\{"eventType":"SagaStarted".*CommandAccepted.*\]$/,
    )
    assert.match(
      messageOf(() => running.thenFailed()),
      /expected the saga to have failed, it is Running/,
    )
    assert.match(
      messageOf(() => running.thenStuck()),
      /expected the saga to be stuck, it is Running/,
    )
    assert.match(
      messageOf(() => running.thenNothing()),
      /expected nothing to happen, it is Running/,
    )
    const failed = givenSaga(transferSaga, [ordered]).whenEvent(recalled)
    assert.match(
      messageOf(() => failed.thenFailed('too-slow')),
      /failed with 'too-slow', it is Failed because of \{"code":"recalled","message":"changed my mind"\}/,
    )
  })

  test('says so when a function of the saga throws, whatever was to be looked at', () => {
    const unlucky = pastEvent(transfer, 't-1', 'Ordered', { ...order, amount: 13 })
    const stuck = givenSaga(transferSaga).whenEvent(unlucky)
    for (const look of [
      () => stuck.thenCommands([]),
      () => stuck.thenDeadlines([]),
      () => stuck.thenState({}),
      () => stuck.thenNothing(),
      () => stuck.whenEvent(recalled).thenCommands([]),
    ]) {
      assert.match(messageOf(look), /expected a saga that goes on, it is stuck: Nobody can transfer 13\.$/)
    }
    assert.match(
      messageOf(() => stuck.thenCompleted()),
      /it is Stuck: Nobody can transfer 13\./,
    )
    assert.match(
      messageOf(() => stuck.thenStuck('other')),
      /stuck with "other", it is stuck with "Nobody can transfer 13\."/,
    )
    stuck.thenStuck('Nobody can transfer 13.').thenCommands([]).whenCancelled('hopeless').thenFailed('cancelled')
    assert.equal(
      messageOf(() => givenSaga(transferSaga, [unlucky])),
      'given MoneyTransfer, Ordered: the saga is stuck: Nobody can transfer 13.',
    )
  })

  test('finds out a function that changes what it was given', () => {
    const impure = defineSaga('Impure', {
      from: [transfer],
      initialState: { seen: [] as string[] },
      startedBy: { Ordered: ({ aggregateId }) => aggregateId },
      on: {
        Ordered: (state, { aggregateId }) => {
          state.seen.push(aggregateId)
          return { state }
        },
      },
    })
    givenSaga(impure).whenEvent(ordered).thenStuck('object is not extensible')
  })

  test('tells of what cannot be told to the saga', () => {
    const given = givenSaga(transferSaga, [ordered])
    assert.match(
      messageOf(() => given.whenDeadline('TryAgain')),
      /^given MoneyTransfer, Ordered, when the deadline TryAgain: there is no such deadline, pending are \[\{.*"name":"Patience"/,
    )
    assert.equal(
      messageOf(() => given.whenRejected('Deposit', closed)),
      'given MoneyTransfer, Ordered, when Deposit is rejected: expected a command Deposit that nobody has answered, ' +
        'there are [{"aggregateId":"a","commandType":"Withdraw","data":{"amount":7}}].',
    )
    assert.match(
      messageOf(() => given.whenEvent(withdrawn).whenAccepted('Withdraw')),
      /there are \[\{"aggregateId":"b"/,
    )
    assert.equal(
      messageOf(() => given.whenRetried()),
      'given MoneyTransfer, Ordered, when retried: The saga is Running: only a stuck one can be retried. (saga-not-stuck)',
    )
    assert.equal(
      messageOf(() => givenSaga(transferSaga, [recalled])),
      "given MoneyTransfer, Recalled: the event starts no instance. Leave it out, or mend 'startedBy' and 'concerns'.",
    )
    const stranger = pastEvent(account, 'a', 'Withdrawn', { amount: 7 })
    assert.equal(
      messageOf(() => givenSaga(transferSaga, [ordered, stranger])),
      'given MoneyTransfer, Ordered, Withdrawn: the event does not concern "t-1". ' +
        "Leave it out, or mend 'startedBy' and 'concerns'.",
    )
    assert.match(
      messageOf(() => given.whenEvent(stranger).thenCompleted()),
      /^given MoneyTransfer, Ordered, when Withdrawn \(which does not concern "t-1"\): expected the saga to be completed/,
    )
  })

  test('says of which event nobody can tell whom it concerns', () => {
    const careless = defineSaga('Careless', {
      from: [transfer],
      initialState: null,
      startedBy: {
        Ordered: () => {
          throw new RangeError('No such key.')
        },
      },
      on: { Ordered: () => undefined },
    })
    assert.equal(
      messageOf(() => givenSaga(careless).whenEvent(ordered)),
      'given Careless, when Ordered: nobody can say which Careless it concerns: No such key.',
    )
  })
})

function messageOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof ScenarioError, String(error))
    return error.message
  }
  return assert.fail('the scenario should have failed')
}
