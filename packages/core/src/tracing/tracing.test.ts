import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { trace } from '@opentelemetry/api'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { openOperations } from '../application/sample-operations.test.ts'
import { a1, account, appendDeposits, errorOf } from '../sample-account.test.ts'
import { CommandSpans } from './command-spans.ts'
import { activeTracer } from './tracer.ts'

const exporter = new InMemorySpanExporter()

function spanCalled(name: string): ReadableSpan {
  const found = exporter.getFinishedSpans().filter((span) => span.name === name)
  assert.equal(found.length, 1, `${name} in ${exporter.getFinishedSpans().map((span) => span.name)}`)
  return found[0] ?? assert.fail()
}

async function spanThatComes(name: string): Promise<ReadableSpan> {
  while (!exporter.getFinishedSpans().some((span) => span.name === name)) await new Promise(setImmediate)
  return spanCalled(name)
}

describe('with an OpenTelemetry SDK', () => {
  beforeEach(() => {
    exporter.reset()
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }))
  })
  afterEach(() => trace.disable())

  test('the spans of a command, its append, its processing and its commit are one chain with its correlation id', async () => {
    const { application } = await openOperations()
    await application.start()
    const ids = { aggregateId: a1, commandId: 'c-1', correlationId: 'order-66' }
    await application.dispatch(account.command('Deposit', { amount: 5 }, ids))
    const commit = await spanThatComes('commit SumView@1')
    const command = spanCalled('command Deposit')
    const append = spanCalled('append Account')
    const processed = spanCalled('process SumView@1')
    const { traceId, spanId } = command.spanContext()
    for (const span of [append, processed, commit]) assert.equal(span.spanContext().traceId, traceId, span.name)
    assert.equal(append.parentSpanContext?.spanId, spanId)
    assert.equal(processed.parentSpanContext?.spanId, spanId)
    assert.equal(commit.parentSpanContext?.spanId, processed.spanContext().spanId)
    for (const span of [command, append, processed]) assert.equal(span.attributes['cim.correlation_id'], 'order-66')
    assert.deepEqual(command.attributes, {
      'cim.command.type': 'Deposit',
      'cim.aggregate.type': 'Account',
      'cim.aggregate.id': 'a-1',
      'cim.command.id': 'c-1',
      'cim.correlation_id': 'order-66',
      'cim.command.status': 'Accepted',
      'cim.aggregate.version': 1,
      'cim.position': 1,
    })
    assert.deepEqual([append.attributes['cim.events'], append.attributes['cim.position']], [1, 1])
    const { attributes } = processed
    assert.deepEqual([attributes['cim.first_position'], attributes['cim.last_position']], [1, 1])
    assert.deepEqual([commit.attributes['cim.expected_position'], commit.attributes['cim.position']], [0, 1])
    await application.stop()
  })

  test('a batch of several commands has links to those that are known, and no correlation id', async () => {
    const { application, eventStore } = await openOperations()
    const deposit = (commandId: string) =>
      application.dispatch(account.command('Deposit', { amount: 5 }, { aggregateId: a1, commandId }))
    await deposit('c-1')
    await deposit('c-2')
    await appendDeposits(eventStore, 'a-2', 1)
    await application.start()
    const processed = await spanThatComes('process SumView@1')
    const commands = exporter.getFinishedSpans().filter(({ name }) => name === 'command Deposit')
    assert.deepEqual(
      processed.links.map(({ context }) => context.spanId),
      commands.map((span) => span.spanContext().spanId),
    )
    assert.equal(processed.parentSpanContext, undefined)
    assert.equal(processed.attributes['cim.correlation_id'], undefined)
    assert.equal(processed.attributes['cim.events'], 3)
    await application.stop()
  })

  test('a rejection is an outcome of its span, an error a failure, and an unknown name no name of a span', async () => {
    const { application, poison } = await openOperations()
    await application.dispatch(account.command('Withdraw', { amount: 5 }, { aggregateId: a1 }))
    const { attributes, status } = spanCalled('command Withdraw')
    assert.deepEqual([attributes['cim.command.status'], attributes['cim.command.reason']], ['Rejected', 'overdrawn'])
    assert.equal(status.code, 0)
    await errorOf(application.dispatch({ commandType: 'Steal', data: {} }), 'unknown-command')
    assert.equal(spanCalled('command unknown').status.code, 2)
    poison.add(13)
    await application.start()
    await application.dispatch(account.command('Deposit', { amount: 13 }, { aggregateId: a1 }))
    assert.equal((await spanThatComes('process SumView@1')).attributes['cim.failures'], 1)
    await application.stop()
  })
})

describe('without an OpenTelemetry SDK', () => {
  test('nobody makes spans', async () => {
    assert.equal(activeTracer(), undefined)
    exporter.reset()
    const { application, processing, name } = await openOperations()
    await application.start()
    await application.dispatch(account.command('Deposit', { amount: 5 }, { aggregateId: a1 }))
    await processing.drain(name)
    assert.deepEqual(exporter.getFinishedSpans(), [])
    await application.stop()
  })
})

describe('the spans of commands', () => {
  test('are remembered up to a number, the newest ones', () => {
    const spans = new CommandSpans()
    const contextOf = (index: number) => ({ traceId: `t-${index}`, spanId: `s-${index}`, traceFlags: 1 })
    for (let index = 0; index <= 10_000; index++) spans.add(`c-${index}`, contextOf(index))
    const of = (...ids: readonly string[]) =>
      spans
        .of(
          ids.map((commandId) => ({ metadata: { commandId } })),
          2,
        )
        .map(({ spanId }) => spanId)
    assert.deepEqual(of('c-0', 'c-1', 'c-1', 'c-9', 'c-10'), ['s-1', 's-9'])
    assert.deepEqual(spans.of([{ metadata: {} }], 2), [])
  })
})
