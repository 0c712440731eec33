// Sends commands of every kind to persons that nobody else changes, and checks each answer.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SoakClient } from './soak-client.ts'
import type { Acknowledged, Tally } from './tally.ts'

export type CommanderOptions = {
  readonly client: SoakClient
  readonly name: string
  readonly random: () => number
  readonly tally: Tally
  /** How many persons it creates before it changes them. */
  readonly persons: number
  /** Between two commands, on average. */
  readonly pauseMs: number
}

type Sent = { readonly path: string; readonly body: object; readonly commandId: string }

const WAIT_MS = 30_000

export class Commander {
  readonly #options: CommanderOptions
  readonly #persons: string[] = []
  readonly #emails = new Map<string, string>()
  readonly #versions = new Map<string, number>()
  #commands = 0
  #last: { readonly sent: Sent; readonly answer: unknown } | undefined

  constructor(options: CommanderOptions) {
    this.#options = options
  }

  /** Works until it is told to stop; what is under way then is finished. */
  async run(stop: AbortSignal): Promise<void> {
    const { persons, pauseMs, random } = this.#options
    while (!stop.aborted) {
      if (this.#persons.length < persons) await this.#create(this.#persons.length === 0)
      else await this.#act()
      await sleep(pauseMs * 2 * random())
    }
  }

  async #act(): Promise<void> {
    const luck = this.#options.random() * 100
    if (luck < 55) return this.#changeEmail()
    if (luck < 75) return this.#queueEmail()
    if (luck < 76) return this.#create(false)
    if (luck < 77) return this.#create(true)
    if (luck < 92) return this.#repeat()
    return luck < 96 ? this.#createAgain() : this.#changeOutdated()
  }

  async #create(isHired: boolean): Promise<void> {
    const id = `${this.#options.name}-p${this.#commands}`
    const hiring = { organizationId: 'works', role: 'Analyst', startDate: '2026-07-01' }
    const data = { legalName: `Person ${id}`, ...(isHired ? { hiring } : undefined) }
    await this.#accept(this.#next('CreatePerson', id, data))
    this.#persons.push(id)
    if (isHired) this.#options.tally.hired.push(id)
  }

  async #changeEmail(): Promise<void> {
    const id = this.#anyone()
    const position = await this.#accept(this.#next('ChangeEmail', id, { newEmail: this.#newEmail(id) }))
    await this.#checkEmail(id, position)
  }

  /** Queues the command, asks what has become of it, and reads the view. */
  async #queueEmail(): Promise<void> {
    const { client, tally } = this.#options
    const id = this.#anyone()
    const sent = this.#next('ChangeEmail', id, { newEmail: this.#newEmail(id) })
    const queued = await client.post(sent.path, sent.body, { ...keyOf(sent), prefer: 'respond-async' })
    // One that is sent again after a restart may have been executed meanwhile.
    assert.ok(queued.status === 202 || queued.status === 200, `${sent.commandId} ${JSON.stringify(queued)}`)
    for (;;) {
      const { status, body } = await client.ask(`/commands/${sent.commandId}?wait=10000`)
      if (status === 202) continue
      assert.equal(status, 200, `${sent.commandId} was queued, and then: ${JSON.stringify(body)}`)
      tally.queued++
      await this.#checkEmail(id, this.#note(sent, body))
      return
    }
  }

  /** The last command, once more: the same acknowledgment, whatever was killed in between. */
  async #repeat(): Promise<void> {
    if (this.#last === undefined) return
    const { sent, answer } = this.#last
    const { body } = await this.#options.client.post(sent.path, sent.body, keyOf(sent))
    assert.deepEqual(body, answer, `${sent.commandId} is answered otherwise when it is sent again`)
    this.#options.tally.repeated++
  }

  async #createAgain(): Promise<void> {
    const sent = this.#next('CreatePerson', this.#anyone(), { legalName: 'Somebody Else' })
    const { status, body } = await this.#options.client.post(sent.path, sent.body, keyOf(sent))
    assert.equal(status, 422, JSON.stringify(body))
    this.#options.tally.rejected++
  }

  async #changeOutdated(): Promise<void> {
    const sent = this.#next('ChangeEmail', this.#anyone(), { newEmail: 'never@example.org' })
    const { status, body } = await this.#options.client.post(sent.path, sent.body, {
      ...keyOf(sent),
      'if-match': '"0"',
    })
    assert.equal(status, 412, JSON.stringify(body))
    this.#options.tally.refused++
  }

  /** @returns the position of its event */
  async #accept(sent: Sent): Promise<number> {
    const { status, body } = await this.#options.client.post(sent.path, sent.body, keyOf(sent))
    assert.equal(status, 200, `${sent.commandId}: ${JSON.stringify(body)}`)
    return this.#note(sent, body)
  }

  #note(sent: Sent, body: object): number {
    const acknowledged = body as Acknowledged
    const { aggregateId, version, position } = acknowledged
    assert.equal(version, (this.#versions.get(aggregateId) ?? 0) + 1, `${sent.commandId} has a wrong version`)
    this.#versions.set(aggregateId, version)
    this.#last = { sent, answer: body }
    this.#options.tally.acknowledged.push(acknowledged)
    return position
  }

  async #checkEmail(id: string, position: number): Promise<void> {
    const { client, tally } = this.#options
    const { body } = await client.ask(`/queries/GetPersonById?personId=${id}&after=${position}&wait=${WAIT_MS}`)
    assert.equal(body.email, this.#emails.get(id), `${id} is read as it was before position ${position}`)
    tally.queries++
  }

  #next(commandType: string, aggregateId: string, data: object): Sent {
    const commandId = `${this.#options.name}-c${++this.#commands}`
    return { path: `/commands/${commandType}`, body: { aggregateId, data }, commandId }
  }

  #newEmail(id: string): string {
    const email = `${id}-${this.#commands}@example.org`
    this.#emails.set(id, email)
    return email
  }

  /** Half of all changes are of the first ten: they get long, and snapshots. */
  #anyone(): string {
    const { random } = this.#options
    const most = random() < 0.5 ? Math.min(10, this.#persons.length) : this.#persons.length
    return this.#persons[Math.floor(random() * most)] ?? ''
  }
}

function keyOf({ commandId }: Sent): Readonly<Record<string, string>> {
  return { 'idempotency-key': commandId }
}
