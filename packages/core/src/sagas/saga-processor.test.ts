import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ForbiddenError, ValidationError } from '../errors/input-errors.ts'
import { StoreCorruptError, StoreUnavailableError } from '../errors/store-errors.ts'
import type { DomainEventEnvelope } from '../event-store/domain-event-envelope.ts'
import type { EventStore } from '../event-store/event-store.ts'
import { MemoryEventStore } from '../memory/memory-event-store.ts'
import { MemoryViewStore } from '../memory/memory-view-store.ts'
import { errorOf, settle, withHooks } from '../sample-account.test.ts'
import type { Command } from '../write-side/command.ts'
import type { SagaDefinition } from './saga.ts'
import { SagaInbox } from './saga-inbox.ts'
import { SagaProcessor, type SagaProcessorOptions } from './saga-processor.ts'
import { order, type Script, scripted } from './sample-script.test.ts'

interface Faults {
  /** Comes before each append to a journal. */
  journal?: (sagaId: string) => Promise<void> | void
  /** Comes before each command. */
  dispatch?: (command: Command) => Promise<void> | void
}

/** A processor over a store in memory, with faults that a test puts in. */
function scene(options: Partial<SagaProcessorOptions> & { readonly definition?: SagaDefinition } = {}) {
  const { definition = scripted, ...more } = options
  const memory = new MemoryEventStore()
  const faults: Faults = {}
  const sent: Command[] = []
  const eventStore = withHooks<EventStore>(memory, {
    appendEvents: async (aggregate, events, appending) => {
      if (aggregate.aggregateType === 'Scripted') await faults.journal?.(aggregate.aggregateId)
      return memory.appendEvents(aggregate, events, appending)
    },
  })
  const dispatch: SagaProcessorOptions['dispatch'] = async (command) => {
    await faults.dispatch?.(command)
    sent.push(command)
    const place = { aggregateId: 'target', version: 1, position: 1, timestamp: '2026-01-01T00:00:00.000Z' }
    return { status: 'Accepted', commandId: command.commandId ?? 'none', ...place }
  }
  const open = () => {
    const inbox = new SagaInbox({ definition, eventStore })
    const { progressStore } = new MemoryViewStore()
    const processor = new SagaProcessor({ inbox, progressStore, dispatch, findByKey: async () => [], ...more })
    const process = (events: readonly DomainEventEnvelope[], signal = new AbortController().signal) =>
      processor.process(events, { replayUntil: 0, signal })
    const statuses = (...ids: readonly string[]) =>
      Promise.all(ids.map(async (id) => (await inbox.load(id, { refresh: true })).status))
    return { inbox, process, statuses }
  }
  const append = async (aggregateId: string, eventType: 'Begun' | 'Noted', eventData: Script = {}) => {
    const aggregate = { aggregateType: 'Plan', aggregateId }
    const metadata = { correlationId: 'k-1' }
    const appended = await memory.appendEvents(aggregate, [{ eventType, eventData, metadata }], {
      expectedVersion: 'any',
    })
    return appended.events[0] ?? assert.fail()
  }
  const issued = async () => (await memory.readEvents({ subjectPatterns: 'events.Scripted.CommandIssued' })).events
  return { memory, faults, sent, open, append, issued, ...open() }
}

const one = { gives: { commands: [order('one')] } }
const end = { gives: { completed: true } }
const fault = (message: string) => () => {
  throw new Error(message)
}

describe('a saga processor', () => {
  test('brings an event to an instance once and sends a command once, however often they come', async () => {
    const { append, process, inbox, issued, sent, memory } = scene()
    const begun = await append('a', 'Begun', one)
    for (let times = 0; times < 3; times++) {
      assert.deepEqual((await process([begun])).failures, [])
      await process(await issued())
    }
    assert.deepEqual((await inbox.load('a')).pendingCommands, [])
    assert.equal(sent.length, 1)
    assert.equal((await memory.loadEvents({ aggregateType: 'Scripted', aggregateId: 'a' })).length, 4)
  })

  test('leaves no trace of an event that starts nothing and finds no instance', async () => {
    const { append, process, memory } = scene()
    const note = await append('a', 'Noted')
    await process([note])
    assert.equal(await memory.headPosition(), 1)
    assert.equal(await memory.findCommand({ aggregateType: 'Scripted', aggregateId: 'a' }, note.eventId), undefined)
  })

  test('gives all that an instance causes the correlation id of the event that started it', async () => {
    const { append, process, issued, sent } = scene()
    await process([await append('a', 'Begun', one)])
    const [command] = await issued()
    await process(command === undefined ? [] : [command])
    assert.deepEqual([command?.metadata.correlationId, sent[0]?.correlationId], ['k-1', 'k-1'])
  })

  test('keeps the order of events of an instance, whatever aggregates they are of', async () => {
    const { append, process, inbox, faults } = scene()
    faults.journal = () => new Promise<void>((resolve) => setImmediate(resolve))
    const events = [await append('a', 'Begun')]
    for (const name of ['1', '2', '3', '4']) {
      const gives = { commands: [order(name)] }
      events.push(await append(`other-${name}`, 'Noted', { to: ['a'], gives }))
    }
    await process(events)
    const { pendingCommands } = await inbox.load('a')
    const names = pendingCommands.map(({ command }) => (command.data as { readonly name: string }).name)
    assert.deepEqual(names, ['1', '2', '3', '4'])
  })
})

describe('an event that a saga processor cannot handle', () => {
  test('comes to all the other instances that it concerns', async () => {
    const { append, process, statuses, faults } = scene()
    for (const id of ['a', 'b', 'c']) await process([await append(id, 'Begun')])
    const damaged = new StoreCorruptError('The journal of b is damaged.')
    faults.journal = (id) => (id === 'b' ? Promise.reject(damaged) : undefined)
    const note = await append('a', 'Noted', { to: ['b', 'c'], ...end })
    assert.deepEqual((await process([note])).failures, [{ event: note, error: damaged }])
    assert.deepEqual(await statuses('a', 'b', 'c'), ['Completed', 'Running', 'Completed'])
    delete faults.journal
    assert.deepEqual((await process([note])).failures, [])
    assert.deepEqual(await statuses('b'), ['Completed'])
  })

  test('is the first of its aggregate, though a later one that concerns another instance fails before it or after it', async () => {
    const ids = ['first', 'second']
    const startedBy = ({ sequence }: { readonly sequence: number }) => ids[sequence - 1]
    const concernedBy = ({ sequence }: { readonly sequence: number }) => ({
      ids: ids.slice(sequence - 1, sequence),
      keys: [],
    })
    for (const slow of ids) {
      const { append, process, faults } = scene({ definition: { ...scripted, startedBy, concernedBy } })
      faults.journal = async (id) => {
        if (id === slow) await settle()
        throw new Error(`no place for ${id}`)
      }
      const { failures } = await process([await append('p', 'Begun'), await append('p', 'Begun')])
      const messages = failures.map(({ error }) => (error as Error).message)
      assert.deepEqual(messages, ['no place for first'])
    }
  })

  test('does not keep an event before it from an instance that is still busy', async () => {
    const { append, process, statuses, faults } = scene()
    await process([await append('slow', 'Begun'), await append('bad', 'Begun'), await append('p', 'Begun')])
    faults.journal = (id) => (id === 'bad' ? fault('bad')() : id === 'slow' ? settle() : undefined)
    const events = [
      await append('slow', 'Noted', one),
      await append('p', 'Noted', { to: ['slow'], ...end }),
      await append('p', 'Noted', { to: ['bad'], ...end }),
    ]
    const { failures } = await process(events)
    assert.deepEqual(
      failures.map(({ event }) => event.position),
      [events[2]?.position],
    )
    assert.deepEqual(await statuses('slow'), ['Completed'])
  })

  test('keeps later ones of its aggregate from having an effect', async () => {
    const { append, process, statuses, faults } = scene()
    faults.journal = fault('not now')
    const events = [await append('a', 'Begun'), await append('a', 'Noted', end)]
    assert.equal((await process(events)).failures.length, 1)
    delete faults.journal
    await process(events)
    assert.deepEqual(await statuses('a'), ['Completed'])
  })

  test('is none when the event store does not work: the batch comes again', async () => {
    const { append, process, faults } = scene()
    const events = await Promise.all(['a', 'b', 'c'].map((id) => append(id, 'Begun')))
    const asked: string[] = []
    faults.journal = (id) => {
      asked.push(id)
      throw new StoreUnavailableError('The disk is gone.')
    }
    await errorOf(process(events), 'store-unavailable')
    delete faults.journal
    assert.deepEqual((await process(events)).failures, [])
    assert.ok(asked.includes('a'))
  })

  test('is none when the view of instances cannot be asked: the batch comes again', async () => {
    const { append, process } = scene({ findByKey: fault('no view') })
    await assert.rejects(process([await append('p', 'Noted', { to: [{ key: 'k' }] })]), /no view/)
  })
})

describe('a command of a saga', () => {
  test('that is refused for good is answered with the refusal', async () => {
    for (const error of [new ForbiddenError('Not you.'), new ValidationError('command Do', [])]) {
      const { append, process, inbox, issued, faults } = scene()
      faults.dispatch = () => Promise.reject(error)
      await process([await append('a', 'Begun', one)])
      await process(await issued())
      const { failure, status } = await inbox.load('a')
      assert.deepEqual([status, failure], ['Failed', { code: error.code, message: error.message }])
    }
  })

  test('that nobody can answer waits with the later ones of its instance, and all go on after a retry', async () => {
    const { append, process, inbox, issued, faults, sent } = scene()
    faults.dispatch = (command) => (command.commandId === first ? fault('undecodable target')() : undefined)
    await process([await append('a', 'Begun', { gives: { commands: ['1', '2', '3'].map((name) => order(name)) } })])
    await process([await append('b', 'Begun', one)])
    const commands = await issued()
    const first = (commands[0]?.eventData as { readonly commandId?: string } | undefined)?.commandId
    const { failures } = await process(commands)
    assert.deepEqual(
      failures.map(({ event }) => event),
      commands.slice(0, 1),
    )
    assert.deepEqual(
      sent.map(({ data }) => (data as { readonly name: string }).name),
      ['one'],
    )
    delete faults.dispatch
    await process(commands.filter(({ aggregateId }) => aggregateId === 'a'))
    assert.deepEqual(
      sent.map(({ data }) => (data as { readonly name: string }).name),
      ['one', '1', '2', '3'],
    )
    assert.deepEqual((await inbox.load('a')).pendingCommands, [])
  })

  test('that was refused while another process had the saga is not sent once more', async () => {
    const { append, process, issued, faults, sent, open, statuses } = scene()
    await process([await append('a', 'Begun', one)])
    const other = open()
    faults.dispatch = () => Promise.reject(new ForbiddenError('Not you.'))
    await other.process(await issued())
    delete faults.dispatch
    // What this process has in memory says that nobody has answered yet.
    await process(await issued())
    assert.deepEqual([sent, await statuses('a')], [[], ['Failed']])
  })

  test('is sent again when the note of its answer was lost', async () => {
    const { append, process, issued, faults, sent, inbox } = scene()
    await process([await append('a', 'Begun', one)])
    faults.journal = fault('lost')
    assert.equal((await process(await issued())).failures.length, 1)
    delete faults.journal
    await process(await issued())
    assert.equal(new Set(sent.map(({ commandId }) => commandId)).size, 1)
    assert.deepEqual((await inbox.load('a')).pendingCommands, [])
  })
})

describe('a saga processor that is stopped', () => {
  test('ends after what is in progress, and says up to where all is handled', async () => {
    const { append, process, statuses, faults } = scene({ concurrency: 1 })
    const stop = new AbortController()
    const events = []
    for (const id of ['a', 'b', 'c', 'd']) events.push(await append(id, 'Begun', end))
    faults.journal = async (id) => {
      if (id === 'a') stop.abort()
      await settle()
    }
    const result = await process(events, stop.signal)
    assert.equal(result.handledUntil, events[0]?.position)
    assert.deepEqual(await statuses('a', 'd'), ['Completed', 'NotStarted'])
    delete faults.journal
    await process(events)
    assert.deepEqual(await statuses('a', 'b', 'c', 'd'), ['Completed', 'Completed', 'Completed', 'Completed'])
  })

  test('lets what failed because of that come again', async () => {
    const { append, process, faults } = scene()
    const stop = new AbortController()
    const event = await append('a', 'Begun')
    faults.journal = () => {
      stop.abort()
      throw new StoreUnavailableError('closing')
    }
    const { failures, handledUntil } = await process([event], stop.signal)
    assert.deepEqual([failures, handledUntil], [[], event.position - 1])
  })

  test('does not wait for the view of instances', async () => {
    const stop = new AbortController()
    const never = (_: string, signal: AbortSignal) =>
      new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    const { append, process } = scene({ findByKey: never })
    const event = await append('p', 'Noted', { to: [{ key: 'k' }] })
    const processing = process([event], stop.signal)
    await settle()
    stop.abort()
    assert.equal((await processing).handledUntil, event.position - 1)
  })
})
