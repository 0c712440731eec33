/** Whoever runs the service: brings it in order again, and looks whether all is well. */

import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { HealthyClient } from './healthy-client.ts'
import type { KnownNames } from './known-names.ts'

interface ProcessorStatus {
  readonly processorName: string
  readonly isPaused: boolean
  readonly state: string
  readonly lagEvents: number
  readonly lastError?: string
  readonly deadLetters: { readonly events: number }
}

interface ViewBuild {
  readonly key: string
  readonly viewName: string
  readonly state: string
}

/** See above. */
export class Operator {
  readonly #client: HealthyClient

  constructor(client: HealthyClient) {
    this.#client = client
  }

  async knownNames(): Promise<KnownNames> {
    const builds = await this.#builds()
    return {
      processors: (await this.#processors()).map(({ processorName }) => processorName),
      views: [...new Set(builds.map(({ viewName }) => viewName))],
      // The second builds do not exist yet: they come and go.
      builds: builds.flatMap(({ key }) => [key, `${key}.2`]),
    }
  }

  /** One of each kind, so that every view has a document. */
  async prepare(): Promise<void> {
    const organizationId = 'employer'
    await this.#client.post('/commands/CreateOrganization', { aggregateId: organizationId, data: { name: 'Employer' } })
    const hiring = { organizationId, role: 'engineer', startDate: '2020-01-01' }
    await this.#client.post('/commands/CreatePerson', { aggregateId: 'hired', data: { legalName: 'Hired', hiring } })
  }

  /** Lets every processor run again, and drops every build that is not read. */
  async tidyUp(): Promise<void> {
    for (const { processorName, isPaused } of await this.#processors()) {
      if (isPaused) await this.#client.post(`/admin/processors/${encodeURIComponent(processorName)}/resume`, {})
    }
    for (const { key, viewName, state } of await this.#builds()) {
      if (state !== 'live')
        await this.#client.post(`/admin/views/${viewName}/builds/${encodeURIComponent(key)}/drop`, {})
    }
  }

  /** Waits until everything is processed, and audits that. */
  async assertAllIsWell(): Promise<void> {
    await this.#caughtUp()
    for (const { processorName, deadLetters, lastError } of await this.#processors()) {
      assert.deepEqual([deadLetters.events, lastError], [0, undefined], processorName)
      const path = `/admin/processors/${encodeURIComponent(processorName)}/audit`
      const { verdict, message } = await this.#client.post<{ readonly verdict: string; readonly message: string }>(
        path,
        {},
      )
      // A reaction that was reset, and the command queue, have a record that begins later than the log does.
      const expected = processorName.includes('@') ? /^complete$/ : /^(complete|partly-recorded)$/
      assert.match(verdict, expected, `${processorName}: ${message}`)
    }
    const { status, warnings } = await this.#client.get<{ readonly status: string; readonly warnings?: unknown }>(
      '/readyz',
    )
    assert.deepEqual([status, warnings], ['ready', undefined])
  }

  async #caughtUp(): Promise<void> {
    const isBehind = ({ state, lagEvents }: ProcessorStatus): boolean => state !== 'running' || lagEvents > 0
    for (const begun = performance.now(); ; await delay(50)) {
      const behind = (await this.#processors()).filter(isBehind)
      if (behind.length === 0) return
      assert.ok(performance.now() - begun < 120_000, `still behind: ${JSON.stringify(behind)}`)
    }
  }

  async #processors(): Promise<readonly ProcessorStatus[]> {
    return (await this.#client.get<{ readonly processors: readonly ProcessorStatus[] }>('/admin/processors')).processors
  }

  async #builds(): Promise<readonly ViewBuild[]> {
    return (await this.#client.get<{ readonly builds: readonly ViewBuild[] }>('/admin/views')).builds
  }
}
