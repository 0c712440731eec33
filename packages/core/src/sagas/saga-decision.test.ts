/** Every input at every status: what the journal gets. */

import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { defaultLimits } from '../event-store/event-store-options.ts'
import { defineSaga, type SagaDefinition } from './saga.ts'
import { decideOnInput } from './saga-decision.ts'
import { newInstance } from './saga-instance.ts'
import { deadline, type SagaOutcome, step } from './saga-outcome.ts'
import { obstacles, order, plan, type Script, scripted, stored, Trial } from './sample-script.test.ts'

const failed = { code: 'enough', message: 'It is enough.' }
const day = 86_400_000

afterEach(() => obstacles.clear())

/** Begun, with a step, a command that may be refused, and a deadline. */
function begun(more: Script = {}): Trial {
  const trial = new Trial()
  const commands = [step('A', order('do A')), order('else')]
  trial.begin({ gives: { commands, deadlines: [deadline('Alarm', { afterMs: day }, more)] } })
  return trial
}

function stuck(): Trial {
  const trial = begun()
  obstacles.add('wall')
  trial.note({ throws: 'wall', gives: { state: { notes: ['over the wall'] } } })
  return trial
}

function compensating(): Trial {
  const trial = begun()
  trial.answer('do A')
  trial.note({ gives: { failed } })
  return trial
}

function completed(): Trial {
  const trial = begun()
  trial.note({ gives: { completed: true } })
  return trial
}

function hasFailed(): Trial {
  const trial = compensating()
  trial.answer('else', 'no')
  trial.answer('undo A')
  return trial
}

describe('each input at each status', () => {
  const inputs: Readonly<Record<string, (trial: Trial) => readonly string[] | string>> = {
    begin: (trial) => trial.begin({}),
    note: (trial) => trial.note({ gives: { state: { notes: ['noted'] } } }),
    deadline: (trial) => trial.reach('Alarm'),
    accepted: (trial) => trial.answer('else'),
    rejected: (trial) => trial.answer('else', 'no'),
    retry: (trial) => trial.retry(),
    cancel: (trial) => trial.cancel(),
  }
  const none: readonly string[] = []
  const expected: readonly (readonly [status: string, make: () => Trial, Readonly<Record<string, unknown>>])[] = [
    [
      'NotStarted',
      () => new Trial(),
      { begin: ['SagaStarted'], note: none, deadline: none, retry: 'saga-not-stuck', cancel: 'saga-not-started' },
    ],
    [
      'Running',
      begun,
      {
        begin: none,
        note: ['EventHandled'],
        deadline: ['DeadlineReached'],
        accepted: ['CommandAccepted'],
        rejected: ['CommandRejected', 'CompensationStarted'],
        retry: 'saga-not-stuck',
        cancel: ['SagaCancelled', 'CompensationStarted'],
      },
    ],
    [
      'Stuck',
      stuck,
      {
        begin: ['InputHeld'],
        note: ['InputHeld'],
        deadline: ['InputHeld'],
        accepted: ['InputHeld'],
        rejected: ['InputHeld'],
        retry: ['SagaRetried', 'SagaStuck'],
        cancel: ['SagaCancelled', 'CompensationStarted'],
      },
    ],
    [
      'Compensating',
      compensating,
      {
        begin: none,
        note: none,
        deadline: none,
        accepted: ['CommandAccepted', 'CommandIssued'],
        rejected: ['CommandRejected', 'CommandIssued'],
        retry: 'saga-not-stuck',
        cancel: 'saga-not-running',
      },
    ],
    [
      'Completed',
      completed,
      {
        begin: none,
        note: none,
        deadline: none,
        accepted: ['CommandAccepted'],
        rejected: ['CommandRejected'],
        retry: 'saga-not-stuck',
        cancel: 'saga-not-running',
      },
    ],
    [
      'Failed',
      hasFailed,
      { begin: none, note: none, deadline: none, retry: 'saga-not-stuck', cancel: 'saga-not-running' },
    ],
  ]
  for (const [status, make, outcomes] of expected) {
    for (const [name, events] of Object.entries(outcomes)) {
      test(`${name} at ${status} gives ${JSON.stringify(events)}`, () => {
        const trial = make()
        assert.equal(trial.instance.status, status)
        assert.deepEqual(inputs[name]?.(trial), events)
      })
    }
  }
})

describe('a decision', () => {
  test('gives the same commands the same ids when the same input comes again, and others in another instance', () => {
    const idsOf = (sagaId: string) => {
      const event = stored('Begun', { gives: { commands: [order('a'), order('a')] } }, 1)
      const definition = { ...scripted, startedBy: () => sagaId }
      const context = { now: '2026-01-01T00:00:00.000Z', sagaId, inputId: event.eventId }
      const events = decideOnInput(definition, newInstance(scripted.initialState), { kind: 'event', event }, context)
      assert.ok(Array.isArray(events))
      return events.flatMap(({ eventType, data }) => (eventType === 'CommandIssued' ? [data.commandId] : []))
    }
    const all = [...idsOf('one'), ...idsOf('other'), ...idsOf('other 1')]
    assert.equal(new Set(all).size, 6)
    assert.deepEqual(idsOf('one'), all.slice(0, 2))
  })

  test('ignores what happened before the event that started the instance, though it comes later', () => {
    const trial = new Trial()
    trial.tell({ kind: 'event', event: stored('Begun', {}, 5) })
    const late = stored('Noted', { gives: { completed: true } }, 4)
    assert.deepEqual(trial.tell({ kind: 'event', event: late }), [])
  })

  test('issues the commands of the outcome that ends it, in their order', () => {
    const trial = begun()
    trial.note({ gives: { completed: true, commands: [order('one'), order('two')] } })
    assert.deepEqual([trial.instance.status, trial.pending], ['Completed', ['do A', 'else', 'one', 'two']])
    assert.deepEqual(trial.instance.deadlines, [])
  })

  test('knows an instance by the keys of its first state, though nothing has changed it yet', () => {
    const keyed = { ...scripted, keysOf: () => ['a', 'b', 'a'] }
    const trial = new Trial(keyed)
    trial.begin({})
    assert.deepEqual(trial.instance.keys, ['a', 'b'])
  })

  test('keeps the state of an instance when the first state of the definition changes', () => {
    const trial = new Trial({ ...scripted, initialState: { notes: ['old'] } })
    trial.begin({})
    const later = new Trial({ ...scripted, initialState: { notes: ['new'] } })
    later.tell({ kind: 'event', event: stored('Begun', {}, 1) })
    const [started] = trial.journal
    assert.deepEqual(started?.eventType === 'SagaStarted' && started.data.state, { notes: ['old'] })
    assert.deepEqual([trial.instance.state, later.instance.state], [{ notes: ['old'] }, { notes: ['new'] }])
  })
})

describe('a deadline', () => {
  test('takes the place of one with the same name, and can be cancelled', () => {
    const trial = new Trial()
    trial.begin({ gives: { deadlines: [deadline('Alarm', { afterMs: 1 }), deadline('Bell', { afterMs: 1 })] } })
    trial.note({ gives: { deadlines: [deadline('Alarm', { dueAt: '2026-02-01T00:00:00+01:00' })] } })
    assert.deepEqual(trial.note({ gives: { cancelDeadlines: ['Bell', 'Bell'] } }), [
      'EventHandled',
      'DeadlineCancelled',
    ])
    const due = trial.instance.deadlines.map(({ name, dueAt }) => [name, dueAt])
    assert.deepEqual(due, [['Alarm', '2026-01-31T23:00:00.000Z']])
  })

  test('that was reached while the saga was stuck is off when an input before it cancels it', () => {
    const trial = begun({ gives: { failed } })
    obstacles.add('wall')
    trial.note({ throws: 'wall', gives: { cancelDeadlines: ['Alarm'] } })
    trial.reach('Alarm')
    obstacles.clear()
    assert.deepEqual(trial.retry(), ['SagaRetried', 'EventHandled', 'DeadlineCancelled'])
    assert.equal(trial.instance.status, 'Running')
  })

  test('that was reached while the saga was stuck is off when an input before it schedules it anew', () => {
    const trial = begun({ gives: { failed } })
    obstacles.add('wall')
    trial.note({ throws: 'wall', gives: { deadlines: [deadline('Alarm', { afterMs: 2 * day })] } })
    trial.reach('Alarm')
    obstacles.clear()
    assert.deepEqual(trial.retry(), ['SagaRetried', 'EventHandled', 'DeadlineScheduled'])
    assert.equal(trial.instance.deadlines.length, 1)
  })
})

describe('a saga that was stuck', () => {
  test('takes its inputs in their order', () => {
    const trial = begun({ gives: { commands: [order('alarm')] } })
    obstacles.add('wall')
    trial.note({ throws: 'wall', gives: { commands: [order('first')] } })
    trial.note({ gives: { commands: [order('second')] } })
    trial.reach('Alarm')
    trial.answer('do A')
    trial.note({ gives: { commands: [order('third')] } })
    assert.equal(trial.instance.error?.message, 'wall')
    obstacles.clear()
    trial.retry()
    assert.deepEqual(trial.pending, ['else', 'first', 'second', 'alarm', 'third'])
    assert.deepEqual([trial.instance.status, trial.instance.doneSteps, trial.instance.held], ['Running', ['A'], []])
  })

  test('keeps them in their order when a later one makes it stuck again', () => {
    const trial = begun()
    for (const wall of ['one', 'two', 'three']) {
      obstacles.add(wall)
      trial.note({ throws: wall, gives: { commands: [order(wall)] } })
    }
    obstacles.delete('one')
    trial.retry()
    obstacles.delete('two')
    trial.note({ gives: { commands: [order('four')] } })
    trial.retry()
    assert.equal(trial.instance.error?.message, 'three')
    obstacles.clear()
    trial.retry()
    assert.deepEqual(trial.pending, ['do A', 'else', 'one', 'two', 'three', 'four'])
  })

  test('goes on in portions when more waits than one append can hold', () => {
    const trial = stuck()
    for (let count = 0; count < 1500; count++) trial.note({ gives: { state: { notes: [`${count}`] } } })
    obstacles.clear()
    const portions = []
    for (let times = 0; trial.instance.status === 'Stuck' && times < 5; times++) portions.push(trial.retry().length)
    assert.equal(trial.instance.status, 'Running')
    assert.deepEqual(trial.instance.state, { notes: ['1499'] })
    assert.ok(Math.max(...portions) <= defaultLimits.maxEventsPerAppend, `${portions}`)
    assert.equal(trial.journal.filter(({ eventType }) => eventType === 'EventHandled').length, 1502)
  })

  test('and is cancelled compensates the steps that were done meanwhile, and forgets its other inputs', () => {
    const trial = stuck()
    trial.answer('do A')
    trial.answer('else', 'no')
    trial.reach('Alarm')
    assert.deepEqual(trial.cancel(), [
      'SagaCancelled',
      'CompensationStarted',
      'CommandAccepted',
      'CommandRejected',
      'CommandIssued',
    ])
    trial.answer('undo A')
    assert.deepEqual([trial.instance.status, trial.instance.failure?.code], ['Failed', 'cancelled'])
  })
})

describe('a compensation', () => {
  test('waits for commands under way, and takes back what was done, the last one first', () => {
    const trial = new Trial()
    trial.begin({ gives: { commands: ['A', 'B', 'C', 'D', 'A'].map((name) => step(name, order(`do ${name}`))) } })
    for (const name of ['do B', 'do A']) trial.answer(name)
    trial.note({ gives: { failed, commands: [order('last')] } })
    assert.deepEqual(trial.pending, ['do C', 'do D', 'do A', 'last'])
    trial.answer('do C', 'no')
    trial.answer('do A')
    trial.answer('last')
    trial.answer('do D')
    const undone = []
    while (trial.instance.status === 'Compensating') {
      assert.equal(trial.pending.length, 1)
      undone.push(...trial.pending)
      trial.answer(trial.pending[0] ?? '')
    }
    assert.deepEqual(undone, ['undo A', 'undo A', 'undo B'])
    assert.deepEqual([trial.instance.status, trial.instance.failure], ['Failed', failed])
  })

  test('that is refused makes the saga stuck, and a retry sends it once more', () => {
    const trial = compensating()
    trial.answer('else')
    trial.answer('undo A', 'no undo')
    assert.deepEqual([trial.instance.status, trial.instance.stuckWhile], ['Stuck', 'Compensating'])
    assert.match(trial.instance.error?.message ?? '', /Do, which compensates A, was refused: It is no undo\./)
    assert.deepEqual(trial.retry(), ['SagaRetried', 'CommandIssued'])
    trial.answer('undo A')
    assert.equal(trial.instance.status, 'Failed')
  })

  test('that is refused with a code which says that nothing is left to do goes on', () => {
    const trial = compensating()
    trial.answer('else')
    assert.deepEqual(trial.answer('undo A', 'not needed'), ['CommandRejected', 'StepCompensated', 'SagaFailed'])
  })

  test('that throws makes the saga stuck until it does not', () => {
    obstacles.add('broken')
    const trial = new Trial()
    trial.begin({ gives: { commands: [step('Broken', order('do it'))] } })
    trial.answer('do it')
    trial.note({ gives: { failed } })
    assert.equal(trial.instance.error?.message, 'broken')
    obstacles.clear()
    assert.deepEqual(trial.retry(), ['SagaRetried', 'StepCompensated', 'SagaFailed'])
  })

  test('of a step that is given up leaves the other steps to be compensated, whatever becomes of its commands', () => {
    for (const code of [undefined, 'no undo']) {
      const trial = new Trial()
      trial.begin({ gives: { commands: ['A', 'Twice', 'Twice'].map((name) => step(name, order(`do ${name}`))) } })
      for (const name of ['do A', 'do Twice', 'do Twice']) trial.answer(name)
      trial.note({ gives: { failed } })
      trial.answer('undo 1', 'no undo')
      trial.cancel()
      assert.deepEqual([trial.instance.status, trial.instance.doneSteps], ['Compensating', ['A', 'Twice']])
      trial.answer('undo 2', code)
      assert.deepEqual(trial.pending, ['undo 1', 'undo 2'])
      trial.answer('undo 1')
      trial.answer('undo 2')
      assert.deepEqual(trial.pending, ['undo A'])
    }
  })
})

describe('a function that gives something else than an outcome', () => {
  const circle: { self?: unknown } = {}
  circle.self = circle
  const rubbish: readonly (readonly [given: unknown, message: RegExp])[] = [
    [null, /must give an outcome, an object, at once; .* It gave null/],
    ['x', /It gave "x"/],
    [[], /It gave \[\]/],
    [Promise.resolve({}), /must not be asynchronous. It gave a promise/],
    [{ commmands: [] }, /'commmands', which is unknown. Known: state, commands/],
    [{ state: { at: new Date(0) } }, /plain JSON: its data at \/state\/at must be plain JSON, got a Date object/],
    [{ state: circle }, /nested more than 200 levels/],
    [{ commands: order('a') }, /'commands' must be an array/],
    [{ commands: [null] }, /'commands' holds something that is no command: null/],
    [{ commands: [{ data: 1 }] }, /no command: \{"data":1\}/],
    [{ commands: [{ ...order('a'), commandId: 'c' }] }, /a Do with its own commandId; leave it out/],
    [{ commands: [{ ...order('a'), correlationId: 'c' }] }, /a Do with its own correlationId; leave it out/],
    [{ commands: [{ ...order('a'), userId: Symbol('u') }] }, /plain JSON: its data at \/commands\/0\/userId/],
    [{ commands: [{ step: 7, command: order('a') }] }, /a step whose name is not a string of 1 to 200 characters: 7/],
    [{ commands: [{ step: 'A' }] }, /step A holds something that is no command/],
    [{ deadlines: [deadline('Gong', { afterMs: 1 })] }, /'onDeadline' lacks a function for "Gong"/],
    [{ cancelDeadlines: ['Gong'] }, /'onDeadline' lacks a function for "Gong"/],
    [{ deadlines: [{ name: 'Alarm' }] }, /deadline Alarm: give 'dueAt', from 1970 to 9999, or 'afterMs'/],
    [{ deadlines: [{ name: 'Alarm', afterMs: 1, dueAt: '2026-01-01' }] }, /deadline Alarm: give 'dueAt'/],
    [{ deadlines: [deadline('Alarm', { afterMs: -1 })] }, /It got \{"afterMs":-1\}/],
    // Only with the present time does it pass the end of the calendar.
    [{ deadlines: [deadline('Alarm', { afterMs: 253402300800000 - day })] }, /from 1970 to 9999/],
    [{ deadlines: [deadline('Alarm', { dueAt: '9999-12-31T23:59:59-01:00' })] }, /from 1970 to 9999/],
    [{ deadlines: [deadline('Alarm', { dueAt: 'tomorrow' })] }, /must be ISO-8601 with a time zone/],
    [{ completed: 'yes' }, /'completed' must be true or false, got "yes"/],
    [{ failed: 'no money' }, /'failed' must be \{ code, message \}, two strings, got "no money"/],
    [{ failed: null }, /'failed' must be/],
    [{ completed: true, failed }, /both 'completed' and 'failed'/],
    [{ state: { notes: [], keys: [''] } }, /'keys' gave a key that is no identifier: it must have 1 to 200/],
    [{ state: { notes: [], keys: 'bank' } }, /'keys' must give an array of strings, it gave "bank"/],
    [{ state: { notes: [], keys: Array.from({ length: 101 }, (_, index) => `k-${index}`) } }, /'keys' gave 101 keys/],
  ]
  const giving = (given: unknown): SagaDefinition => ({ ...scripted, onEvent: () => given as SagaOutcome })
  for (const [given, message] of rubbish) {
    test(`makes the saga stuck: ${message.source}`, () => {
      const trial = new Trial(giving(given))
      assert.deepEqual(trial.begin({}), ['SagaStarted', 'SagaStuck'])
      assert.match(trial.instance.error?.message ?? '', message)
      assert.match(trial.instance.error?.message ?? '', /Scripted|ISO/)
    })
  }

  test('or throws something that is no error makes the saga stuck too', () => {
    const thrown: readonly unknown[] = [undefined, Object.create(null), 'words', new Error('x'.repeat(1e6))]
    for (const one of thrown) {
      const throwing = (): never => {
        throw one
      }
      const trial = new Trial({ ...scripted, onEvent: throwing })
      assert.deepEqual(trial.begin({}), ['SagaStarted', 'SagaStuck'])
      assert.ok((trial.instance.error?.message.length ?? 0) <= 10_000)
    }
  })

  test('or compensates with rubbish makes the saga stuck too', () => {
    for (const given of ['x', step('A', order('a')), [null], { ...order('a'), commandId: 'c' }]) {
      const definition = defineSaga('Scripted', {
        from: [plan],
        initialState: {},
        startedBy: { Begun: ({ aggregateId }) => aggregateId },
        on: { Begun: () => ({ commands: [step('A', order('a'))] }) },
        compensate: { A: () => given as never },
      })
      const trial = new Trial(definition as SagaDefinition)
      trial.begin({})
      trial.answer('a')
      assert.deepEqual(trial.cancel(), ['SagaCancelled', 'CompensationStarted', 'SagaStuck'])
      assert.match(trial.instance.error?.message ?? '', /'compensate' of A holds/)
    }
  })

  test('or changes what it was given makes the saga stuck too', () => {
    type Loose = { notes: string[] }
    const changing = (change: (state: Loose, data: { gives?: unknown }) => void): SagaDefinition => ({
      ...scripted,
      onEvent: (state, { data }) => {
        change(state as Loose, data as object)
        return { state: { notes: ['kept'] } }
      },
    })
    const changes = [
      (state: Loose) => void state.notes.push('x'),
      (_: Loose, data: { gives?: unknown }) => void delete data.gives,
    ]
    for (const change of changes) {
      const trial = new Trial(changing(change))
      const envelope = { ...stored('Begun', {}, 1), eventData: { gives: { state: { notes: [] } } } }
      assert.deepEqual(trial.tell({ kind: 'event', event: envelope }), ['SagaStarted', 'SagaStuck'])
      assert.match(trial.instance.error?.message ?? '', /extensible|delete/)
    }
  })

  test('is asked again by a retry with the state that the input before it has made, frozen', () => {
    obstacles.add('wall')
    const kept: { notes: string[] } = { notes: [] }
    const trial = new Trial({
      ...scripted,
      onEvent: (state) => {
        if (obstacles.has('wall')) throw new Error('wall')
        const { notes } = state as { notes: string[] }
        if (notes.length > 0) notes.push('changed in place')
        kept.notes = ['first']
        return { state: kept }
      },
    })
    trial.begin({})
    trial.note({})
    obstacles.clear()
    assert.deepEqual(trial.retry(), ['SagaRetried', 'EventHandled', 'SagaStuck'])
    kept.notes.push('afterwards')
    assert.deepEqual(trial.instance.state, { notes: ['first'] })
  })
})

describe('what no append can hold', () => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => order(`${index}`))
  const large = 'x'.repeat(1_048_576)

  test('makes the saga stuck, and says so: too many commands, a state or a command that is too large', () => {
    for (const [gives, message] of [
      [{ commands: many(1000) }, /1000 events of the journal or more at once/],
      [{ state: { notes: [large] } }, /EventHandled would have \d+ bytes of JSON; the event store takes 1048576/],
      [{ commands: [order(large)] }, /CommandIssued would have \d+ bytes/],
      [{ commands: many(20).map(() => order('x'.repeat(1e6))) }, /more than 16777216 bytes to the journal/],
    ] as const) {
      const trial = begun()
      assert.deepEqual(trial.note({ gives }), ['SagaStuck'])
      assert.match(trial.instance.error?.message ?? '', message)
      assert.deepEqual(trial.retry(), 'saga-too-large')
      assert.deepEqual(trial.cancel(), ['SagaCancelled', 'CompensationStarted'])
    }
  })

  test('is judged by the limits of the event store at hand', () => {
    const limits = { ...defaultLimits, maxEventsPerAppend: 5 }
    const trial = new Trial(scripted, limits)
    assert.deepEqual(trial.begin({ gives: { commands: many(2) } }).length, 4)
    assert.deepEqual(trial.note({ gives: { commands: many(4) } }), ['SagaStuck'])
  })

  test('in the event that starts an instance makes that instance stuck', () => {
    const trial = new Trial()
    assert.deepEqual(trial.begin({ gives: { state: { notes: [large] } } }), ['SagaStarted', 'SagaStuck'])
    assert.deepEqual(trial.cancel(), ['SagaCancelled', 'CompensationStarted', 'SagaFailed'])
  })
})
