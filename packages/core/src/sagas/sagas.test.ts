import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Application } from '../application/application.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import { account, accountDefinition } from '../sample-account.test.ts'
import type { AggregateDefinition } from '../write-side/aggregate.ts'
import type { SagaDefinition } from './saga.ts'
import { transfer, transferSaga } from './sample-transfer.test.ts'

function open() {
  const application = new Application({
    eventStore: new MemoryEventStore(),
    viewStore: new MemoryViewStore(),
    aggregates: [accountDefinition, transfer as unknown as AggregateDefinition],
    sagas: [transferSaga as SagaDefinition],
  })
  const ended = async (sagaId: string) => {
    for (;;) {
      for (const name of application.processing.processorNames) await application.processing.drain(name)
      const view = await application.sagas.get('MoneyTransfer', sagaId)
      if (view !== undefined && (view.status === 'Completed' || view.status === 'Failed')) return view
    }
  }
  return { application, ended }
}

describe('sagas', () => {
  test('bring a transfer to its end', { timeout: 5000 }, async () => {
    const { application, ended } = open()
    await using _ = application
    await application.start()
    await application.dispatch(account.command('Deposit', { amount: 10 }, { aggregateId: account.id('a') }))
    const order = { from: 'a', to: 'b', amount: 7 }
    await application.dispatch(
      transfer.command('OrderTransfer', order, { aggregateId: transfer.id('t-1'), correlationId: 't-1' }),
    )
    const view = await ended('t-1')
    assert.equal(view.status, 'Completed')
  })
})
