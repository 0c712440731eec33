import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { SqliteEventStore } from '@cim/sqlite'
import { runCli } from './index.ts'

const accounts = pathToFileURL(join(import.meta.dirname, 'test-support/accounts.ts')).href

interface Ended {
  readonly exitCode: number
  readonly output: string
  readonly errors: string
}

/** A folder with an event store, in which modules can be written. */
class Workplace {
  readonly folder: string
  readonly events: string
  #modules = 0

  constructor(context: TestContext) {
    this.folder = mkdtempSync(join(tmpdir(), 'cim-cli-'))
    this.events = join(this.folder, 'events.sqlite')
    context.after(() => rmSync(this.folder, { recursive: true, force: true }))
  }

  /** Appends one deposit to each of three accounts, and closes the store again. */
  async deposit(...amounts: readonly number[]): Promise<void> {
    await using eventStore = new SqliteEventStore({ path: this.events })
    for (const amount of amounts) {
      for (const aggregateId of ['a', 'b', 'c']) {
        const aggregate = { aggregateType: 'Account', aggregateId }
        await eventStore.appendEvents(aggregate, [{ eventType: 'Deposited', eventData: { amount } }], {
          expectedVersion: 'any',
        })
      }
    }
  }

  /** What checks have left behind. */
  get leftovers(): readonly string[] {
    return readdirSync(this.folder).filter((name) => name.startsWith('cim-check-'))
  }

  /** Writes a module with definitions. @param change JavaScript of an object */
  definitions(change = '{}'): string {
    return this.module(`import { accounts } from '${accounts}'
      export const { aggregates, projections } = accounts(${change})`)
  }

  module(code: string): string {
    this.#modules++
    const path = join(this.folder, `definitions-${this.#modules}.mjs`)
    writeFileSync(path, code)
    return path
  }

  async check(definitions: string, ...more: readonly string[]): Promise<Ended> {
    return run('check', definitions, '--events', this.events, '--temporary', this.folder, ...more)
  }
}

async function run(...args: readonly string[]): Promise<Ended> {
  let output = ''
  let errors = ''
  const exitCode = await runCli(args, {
    output: { write: (text) => (output += text) },
    errors: { write: (text) => (errors += text) },
  })
  return { exitCode, output, errors }
}

describe('cim check', () => {
  test('ends with 0 where everything is in order, and leaves nothing behind', async (context) => {
    const place = new Workplace(context)
    await place.deposit(1, 2)
    const { exitCode, output, errors } = await place.check(place.definitions())
    assert.deepEqual([exitCode, errors], [0, ''])
    assert.match(output, /Replayed 6 events of 3 aggregates into 3 view documents, up to position 6/)
    assert.deepEqual(place.leftovers, [])
  })

  test('runs beside a service, and leaves the event store as it is', async (context) => {
    const place = new Workplace(context)
    await place.deposit(1)
    await using service = new SqliteEventStore({ path: place.events })
    assert.equal((await place.check(place.definitions())).exitCode, 0)
    const inPlace = await place.check(place.definitions(), '--in-place')
    assert.equal(inPlace.exitCode, 1)
    assert.match(inPlace.errors, /another process has opened it/)
    assert.equal(await service.headPosition(), 3)
  })

  for (const { title, change, message } of [
    {
      title: 'an upcaster that fails',
      change: "{ lift: () => { throw new Error('no such amount') } }",
      message:
        /Account\.Deposited: events that cannot be lifted[\s\S]*position 1 \(Account "a", sequence 1\): no such amount/,
    },
    {
      title: 'an apply that fails',
      change: "{ deposit: () => { throw new Error('overflow') } }",
      message: /Account\.Deposited: events that apply fails on[\s\S]*position 1 \(Account "a", sequence 1\): overflow/,
    },
    {
      title: 'a schema that stored data does not fit',
      change: '{ amount: (await import("zod")).z.number().max(1) }',
      message: /Account\.Deposited: events whose data does not fit their schema[\s\S]*position 4 [\s\S]*\/amount/,
    },
    {
      title: 'a projection that fails',
      change: "{ project: () => { throw new Error('no view') } }",
      message: /BalanceView: events that the projection fails on[\s\S]*Deposited: no view/,
    },
    {
      title: 'a projection whose documents do not fit their schema',
      change: '{ project: (id) => ({ id }) }',
      message: /BalanceView: documents that do not fit the schema[\s\S]*document "a"[\s\S]*\/balance/,
    },
  ]) {
    test(`ends with 1 at ${title}, and says where`, async (context) => {
      const place = new Workplace(context)
      await place.deposit(1, 2)
      const module = place.definitions(change.replace('import("zod")', `import('${import.meta.resolve('zod')}')`))
      const { exitCode, output } = await place.check(module)
      assert.equal(exitCode, 1, output)
      assert.match(output, message)
      assert.match(output, /NOT FINE/)
    })
  }

  test('compares with what the previous code has saved', async (context) => {
    const place = new Workplace(context)
    await place.deposit(1, 2)
    const file = join(place.folder, 'fingerprints.jsonl')
    assert.equal((await place.check(place.definitions(), '--save', file, '--with-states')).exitCode, 0)
    await place.deposit(3)
    assert.equal((await place.check(place.definitions(), '--compare', file)).exitCode, 0)
    const doubled = place.definitions('{ deposit: ({ balance }, amount) => ({ balance: balance + 2 * amount }) }')
    const { exitCode, output } = await place.check(doubled, '--compare', file)
    assert.equal(exitCode, 1)
    assert.match(output, /Compared with the previous code at position 6/)
    assert.match(output, /position 4 \(Account "a", sequence 2\): another state[\s\S]*\/balance changed: 3 -> 6/)
    const meant = await place.check(doubled, '--compare', file, '--expect', 'Account', '--save', file)
    assert.equal(meant.exitCode, 0)
    assert.equal((await place.check(doubled, '--compare', file)).exitCode, 0)
    assert.equal(readFileSync(file, 'utf8').split('\n').length, 1 + 3 + 3 + 1 + 1)
  })

  test('gives its report as JSON', async (context) => {
    const place = new Workplace(context)
    await place.deposit(1)
    const { output } = await place.check(place.definitions(), '--json')
    assert.deepEqual((JSON.parse(output) as { readonly position: number }).position, 3)
  })

  test('ends with 2 and says what is wrong with the command line', async (context) => {
    const place = new Workplace(context)
    await place.deposit(1)
    const fine = place.definitions()
    for (const [args, message] of [
      [[], /No command is given/],
      [['chek'], /no command 'chek'.*Known: check/],
      [['check'], /<definitions> is missing/],
      [['check', fine], /--events <file> is missing/],
      [['check', fine, 'x', '--events', place.events], /got also 'x'/],
      [['check', fine, '--events', join(place.folder, 'none')], /--events must be a file that exists/],
      [['check', fine, '--event', place.events], /'--event'/],
      [['check', fine, '--events', place.events, '--with-states'], /--save <file>/],
      [['check', fine, '--events', place.events, '--compare', 'none'], /--compare must be a file that exists/],
      [['check', place.module('export const aggregates = []'), '--events', place.events], /must export 'projections'/],
      [
        [
          'check',
          place.module('export const [aggregates, projections, sagas] = [[], [], {}]'),
          '--events',
          place.events,
        ],
        /must export 'sagas': a list/,
      ],
      [['check', place.module('throw new Error("half")'), '--events', place.events], /cannot be loaded.*half/],
    ] as const) {
      const { exitCode, errors } = await run(...args)
      assert.equal(exitCode, 2, errors)
      assert.match(errors, message)
    }
  })

  test('ends with 1 when the file is no event store', async (context) => {
    const place = new Workplace(context)
    writeFileSync(place.events, 'not a database at all, but long enough to look into it')
    const { exitCode, errors } = await place.check(place.definitions())
    assert.equal(exitCode, 1)
    assert.ok(errors.length > 0)
  })

  test('stops when it is interrupted', async (context) => {
    const place = new Workplace(context)
    await place.deposit(1)
    let errors = ''
    const exitCode = await runCli(
      ['check', place.definitions(), '--events', place.events, '--temporary', place.folder],
      {
        output: { write: () => undefined },
        errors: { write: (text) => (errors += text) },
        signal: AbortSignal.abort(new Error('Interrupted.')),
      },
    )
    assert.deepEqual([exitCode, errors], [1, 'Interrupted.\n'])
    assert.deepEqual(place.leftovers, [])
  })

  test('explains itself', async () => {
    for (const args of [['--help'], ['help'], ['check', '--help']]) {
      const { exitCode, output } = await run(...args)
      assert.equal(exitCode, 0)
      assert.match(output, /cim check <definitions> --events <file>/)
    }
  })
})
