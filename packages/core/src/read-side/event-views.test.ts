import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { storedEvent } from '../event-processing/sample-processing.test.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import { errorOf, settle } from '../sample-account.test.ts'
import { EventViews } from './event-views.ts'
import { type BalanceView, balances } from './sample-balances.test.ts'
import { ViewSession } from './view-session.ts'

async function open() {
  const viewStore = new MemoryViewStore()
  await viewStore.openView(balances)
  const session = new ViewSession<BalanceView, DomainEventEnvelope>(viewStore, balances)
  return { session, views: new EventViews(session, 'BalanceView', storedEvent(1)) }
}

describe('the views of one event', () => {
  test('are over when its handler is: a late change has no effect, and is told', async () => {
    const { session, views } = await open()
    views.set('a', { owner: 'Ada', balance: 1 })
    views.end()
    const late = [
      () => views.set('b', { owner: 'Bob', balance: 2 }),
      () => views.update('a', () => undefined),
      () => views.delete('a'),
      () => views.get('a'),
      () => views.find('owner', 'Ada'),
    ]
    for (const use of late)
      assert.match((await errorOf(use, 'late-change')).message, /BalanceView: the handler of Depos/)
    await session.commit({ expectedCheckpoint: 0, position: 1 })
    assert.deepEqual(session.touchedDocuments, 0)
    assert.deepEqual(await session.get('a'), { owner: 'Ada', balance: 1 })
  })

  test('end no process when nobody listens to what fails', async () => {
    const { views } = await open()
    views.update('a', () => assert.fail('this change fails'))
    void views.get('a')
    void views.find('owner', 'Ada')
    views.end()
    void views.get('a')
    await settle()
  })

  test('tell the session which event asked for a change', async () => {
    const { session, views } = await open()
    views.update('a', () => assert.fail('this change fails'))
    await assert.rejects(views.get('a'))
    assert.equal(session.failure?.cause.eventId, 'e-1')
  })
})
