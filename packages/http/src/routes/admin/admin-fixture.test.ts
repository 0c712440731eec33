/** A service with dead letters, for the tests of the administration. Tested itself when it is run by itself. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Answer } from '../../test-support/answer.ts'
import { type ServeOptions, type Service, serve } from '../../test-support/fixture.ts'

export const processor = 'PersonView@1'

/** Sends a JSON object. */
export function post(service: Service, path: string, body: unknown = {}, headers?: object): Promise<Answer> {
  const init = { 'content-type': 'application/json', ...headers }
  return service.send(path, { method: 'POST', headers: init, body: JSON.stringify(body) })
}

/** Waits until so many aggregates are parked, and nothing is tried any more. */
export async function parked({ application }: Service, sequences: number): Promise<void> {
  const { viewStore, processing } = application
  for (;;) {
    const seen = viewStore.committed.count
    const { deadLetters } = await processing.show(processor)
    if (deadLetters.parkedSequences === sequences && deadLetters.retryingSequences === 0) return
    await viewStore.committed.wait(seen)
  }
}

/** @returns a service whose view cannot take the second event of `ada` and of `grace`; `ada` has a third one */
export async function serveWithDeadLetters(options?: ServeOptions): Promise<Service> {
  const service = await serve({ processors: { failures: { maxAttempts: 1 } }, ...options })
  for (const aggregateId of ['ada', 'grace', 'joan']) {
    const aggregate = { aggregateType: 'Person', aggregateId }
    const created = { eventType: 'PersonCreated', eventData: { legalName: aggregateId } }
    // No service would have stored it: a fault of the past.
    const broken = { eventType: 'EmailChanged', eventData: null }
    const mended = { eventType: 'EmailChanged', eventData: { newEmail: `${aggregateId}@example.org` } }
    const events = { ada: [created, broken, mended], grace: [created, broken] }[aggregateId] ?? [created]
    await service.eventStore.appendDirectly(aggregate, events)
  }
  await service.application.processing.drain(processor)
  await parked(service, 2)
  return service
}

/** A member of an answer that only some tests look into. */
export function memberOf<TValue>({ json }: Answer, name: string): TValue {
  return (json as unknown as Record<string, TValue>)[name] as TValue
}

if (import.meta.main) {
  test('the service holds two aggregates back', async () => {
    await using service = await serveWithDeadLetters()
    const { deadLetters } = await service.application.processing.show(processor)
    assert.deepEqual(deadLetters, { retryingSequences: 0, parkedSequences: 2, events: 3 })
  })
}
