import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { MemoryViewStore, StoreUnavailableError, type ViewCommit, type ViewDefinition } from '@cim/core'
import { createHttpApi } from '../index.ts'
import { serve, startApplication } from '../test-support/fixture.ts'
import { serveWithDeadLetters } from './admin/admin-fixture.test.ts'

test('the index names what is there', async () => {
  await using service = await serve({ title: 'People', version: '1.2.3' })
  const { status, json } = await service.send('/')
  assert.equal(status, 200)
  assert.equal(json.title, 'People')
  assert.equal(json.version, '1.2.3')
  assert.deepEqual(json.commands, ['ChangeEmail', 'CreatePerson', 'Fail', 'TakeNote'])
  assert.deepEqual(json.aggregateTypes, ['Person'])
  assert.ok(json.queries.includes('GetPersonById'))
})

test('a service that works is alive and ready', async () => {
  await using service = await serve()
  assert.deepEqual((await service.send('/healthz')).json, { status: 'alive' })
  assert.deepEqual((await service.send('/readyz')).json, { status: 'ready' })
})

test('a service whose store is closed or whose processors are stopped is alive, but not ready', async () => {
  await using service = await serve()
  await service.application.stop()
  await service.eventStore.close()
  assert.equal((await service.send('/healthz')).status, 200)
  const { status, headers, json } = await service.send('/readyz')
  assert.equal(status, 503)
  assert.equal(headers.get('retry-after'), '5')
  assert.equal(json.status, 'unready')
  assert.deepEqual(json.reasons, [
    'The event store does not answer (store-closed).',
    'Processor PersonView@1 is stopped.',
  ])
})

test('a processor that keeps failing makes the service unready without saying why in public', async () => {
  class FailingViewStore extends MemoryViewStore {
    override commit(_view: ViewDefinition, _commit: ViewCommit): Promise<void> {
      return Promise.reject(new StoreUnavailableError('Cannot write /var/data/views.db'))
    }
  }
  const { application } = await startApplication({
    viewStore: new FailingViewStore(),
    processors: { failures: { retryDelay: { firstMs: 1, mostMs: 1 } } },
  })
  const api = createHttpApi({ application })
  await application.dispatch({ commandType: 'CreatePerson', data: { legalName: 'Ada' } })
  let response = await api.request('/readyz')
  while (response.status === 200) {
    await nextTurn()
    response = await api.request('/readyz')
  }
  assert.match(await response.text(), /Processor PersonView@1 has failed \d+ times in a row\./)
  assert.match(
    await (await api.request('/metrics')).text(),
    /^cim_processor_failures\{processor="PersonView@1"\} [1-9]/m,
  )
  await application.stop()
})

const sampleLine =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{([a-z]+="(?:[^"\\\n]|\\["\\n])*"(?:,(?=[a-z]))?)+\})? (-?[\d.e+-]+|\+Inf|NaN)$/

test('the metrics are well-formed and count what has happened', async () => {
  await using service = await serve()
  await service.createPerson('ada')
  await service.createPerson('ada')
  await service.command('CreatePerson', { data: {} })
  await service.command('Nope', { data: {} })
  await service.command('Fail', { data: {} })
  await service.send('/queries/GetPersonById?id=ada&after=1')
  await service.send('/queries/GetPersonById?id=nobody')
  await service.send('/nope')
  await service.send('/healthz', { method: 'PROPFIND' })
  const { headers, text } = await service.send('/metrics')
  assert.equal(headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  assert.ok(text.endsWith('\n'))
  const lines = text.trimEnd().split('\n')
  const types = new Map<string, string>()
  for (const line of lines) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line)
    if (type !== null) {
      assert.ok(!types.has(type[1] ?? ''), `${type[1]} is announced twice`)
      types.set(type[1] ?? '', type[2] ?? '')
    } else if (!line.startsWith('# HELP ')) {
      const name = sampleLine.exec(line)?.[1]
      assert.ok(name, line)
      assert.ok(types.has(name) || types.has(name.replace(/_(bucket|sum|count)$/, '')), line)
    }
  }
  assert.equal(new Set(lines).size, lines.length)
  for (const line of [
    'cim_commands_total{command="CreatePerson",status="Accepted"} 1',
    'cim_commands_total{command="CreatePerson",status="Rejected"} 1',
    'cim_commands_total{command="CreatePerson",status="validation"} 1',
    'cim_commands_total{command="Fail",status="internal"} 1',
    'cim_command_duration_seconds_count{command="CreatePerson"} 3',
    'cim_command_duration_seconds_bucket{command="CreatePerson",le="+Inf"} 3',
    'cim_queries_total{query="GetPersonById",status="ok"} 1',
    'cim_queries_total{query="GetPersonById",status="not-found"} 1',
    'cim_http_requests_total{method="POST",route="/commands/:commandType",status="404"} 1',
    'cim_http_requests_total{method="GET",route="unmatched",status="404"} 1',
    'cim_http_requests_total{method="other",route="unmatched",status="405"} 1',
    'cim_event_store_up 1',
    'cim_event_store_head_position 1',
    'cim_processor_position{processor="PersonView@1"} 1',
    'cim_processor_lag_events{processor="PersonView@1"} 0',
    'cim_processor_running{processor="PersonView@1"} 1',
    'cim_processor_failures{processor="PersonView@1"} 0',
    'cim_event_streams 0',
    'cim_processor_state{processor="PersonView@1",state="running"} 1',
    'cim_processor_state{processor="PersonView@1",state="paused"} 0',
    'cim_processor_in_flight_events{processor="PersonView@1"} 0',
    'cim_processor_lag_seconds{processor="PersonView@1"} 0',
    'cim_processor_events_total{processor="PersonView@1"} 1',
    'cim_processor_failed_attempts_total{processor="PersonView@1"} 0',
    'cim_processor_held_sequences{processor="PersonView@1",state="parked"} 0',
    'cim_processor_held_events{processor="PersonView@1"} 0',
  ]) {
    assert.ok(lines.includes(line), `${line} is missing in\n${text}`)
  }
})

test('a histogram counts each duration in every bucket that holds it', async () => {
  await using service = await serve()
  await service.createPerson('ada')
  const { text } = await service.send('/metrics')
  const counts = [...text.matchAll(/^cim_command_duration_seconds_bucket\{.*\} (\d+)$/gm)].map(([, count]) =>
    Number(count),
  )
  assert.deepEqual(
    counts,
    counts.toSorted((one, other) => one - other),
  )
  assert.equal(counts.at(-1), 1)
})

test('the metrics say when the event store does not answer', async () => {
  await using service = await serve()
  await service.eventStore.close()
  const { status, text } = await service.send('/metrics')
  assert.equal(status, 200)
  assert.match(text, /^cim_event_store_up 0$/m)
  assert.doesNotMatch(text, /cim_processor_lag_events\{/)
})

test('events that are held back show in the metrics and as a warning, and leave the service ready', async () => {
  await using service = await serveWithDeadLetters()
  const { status, json } = await service.send('/readyz')
  assert.equal(status, 200)
  const warnings = ['Processor PersonView@1 holds back the events of 2 aggregates.']
  assert.deepEqual(json, { status: 'ready', warnings })
  const { text } = await service.send('/metrics')
  const lines = text.split('\n')
  for (const line of [
    'cim_processor_held_sequences{processor="PersonView@1",state="retrying"} 0',
    'cim_processor_held_sequences{processor="PersonView@1",state="parked"} 2',
    'cim_processor_held_events{processor="PersonView@1"} 3',
    'cim_processor_failed_attempts_total{processor="PersonView@1"} 2',
    'cim_processor_failures{processor="PersonView@1"} 0',
    'cim_processor_lag_events{processor="PersonView@1"} 0',
  ]) {
    assert.ok(lines.includes(line), `${line} is missing in\n${text}`)
  }
  const labels = new Set([...text.matchAll(/^cim_processor\w+\{(.*)\}/gm)].map(([, label]) => label))
  assert.ok(labels.size <= 8, 'no label has a value per aggregate')
})

test('the metrics leave out what the view store does not tell', async () => {
  await using service = await serve()
  service.application.processing.show = () => Promise.reject(new StoreUnavailableError('The disk is gone.'))
  const { status, text } = await service.send('/metrics')
  assert.equal(status, 200)
  assert.match(text, /^cim_processor_running\{processor="PersonView@1"\} 1$/m)
  assert.doesNotMatch(text, /^cim_processor_held_(events|sequences)\{/m)
})
