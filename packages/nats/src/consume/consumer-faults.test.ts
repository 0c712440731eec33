import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startNatsCluster, startNatsServer } from '../test-support/nats-server.ts'
import { OrderWitness } from '../test-support/order-witness.ts'
import { SampleStream, until } from '../test-support/sample-stream.ts'

const program = join(import.meta.dirname, '../test-support/consuming-process.ts')

/** Starts a process that consumes, and has the witness see it. A call that was cut short by the end of the process has ended. */
function startProcess(stream: SampleStream, witness: OrderWitness): ChildProcess {
  const { handler: _, ...options } = stream.options({ ackWaitMs: 800, takeOverAfterMs: 300, handler: () => undefined })
  const child = spawn(process.execPath, ['--conditions=@cim/source', program, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const running = new Set<string>()
  createInterface(child.stdout as NonNullable<typeof child.stdout>)
    .on('line', (line) => {
      const [what, aggregateId = '', sequence] = line.split(' ')
      const call = `${aggregateId} ${sequence}`
      if (what === 'begin') {
        running.add(call)
        witness.begin(aggregateId, Number(sequence))
      } else {
        running.delete(call)
        witness.end(aggregateId, Number(sequence), true)
      }
    })
    .on('close', () => {
      for (const call of running) witness.end(call.split(' ')[0] ?? '', 0, false)
    })
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  const closed = once(child, 'close')
  child.kill('SIGKILL')
  await closed
}

test('processes that are killed again and again lose no event and break no order', { timeout: 120_000 }, async () => {
  await using server = await startNatsServer()
  await using stream = await SampleStream.open(server)
  const witness = new OrderWitness()
  const ids = ['a', 'b', 'c', 'd']
  for (let round = 0; round < 60; round++) await stream.append(...ids)
  const handledSoFar = () => ids.reduce((sum, id) => sum + witness.handled(id), 0)
  const children = [startProcess(stream, witness), startProcess(stream, witness)]
  for (let kills = 0; kills < Number(process.env.CIM_KILLS ?? 6); kills++) {
    const before = handledSoFar()
    await stream.append(...ids, 'a', 'a', 'b')
    await until('events are handled', () => handledSoFar() > before)
    const victim = kills % 2
    await kill(children[victim] as ChildProcess)
    children[victim] = startProcess(stream, witness)
  }
  await until('all is handled', () => stream.counts().every(([id, count]) => witness.handled(id) === count), 60_000)
  await Promise.all(children.map(kill))
  assert.deepEqual(witness.faults, [])
})

test('goes on in order when the server is killed and started again', { timeout: 60_000 }, async () => {
  await using server = await startNatsServer()
  await using stream = await SampleStream.open(server)
  const witness = new OrderWitness()
  await using _consumer = await stream.consume({
    ackWaitMs: 1000,
    takeOverAfterMs: 300,
    handler: witness.watch(() => sleep(5)),
  })
  for (let round = 0; round < 3; round++) {
    for (let count = 0; count < 20; count++) await stream.append('a', 'b', 'c')
    await server.kill()
    await server.start()
    await until('the connection is back', () =>
      stream.connection.flush().then(
        () => true,
        () => false,
      ),
    )
  }
  await until('all is handled', () => stream.counts().every(([id, count]) => witness.handled(id) === count), 30_000)
  assert.deepEqual(witness.faults, [])
})

test('a process that stood still does nothing more with what another has meanwhile', { timeout: 60_000 }, async () => {
  await using server = await startNatsServer()
  await using stream = await SampleStream.open(server)
  const witness = new OrderWitness()
  for (let round = 0; round < 100; round++) await stream.append('a')
  const sleeper = startProcess(stream, witness)
  await until('it works', () => witness.handled('a') > 5)
  sleeper.kill('SIGSTOP')
  const handledBefore = witness.handled('a')
  const other = startProcess(stream, witness)
  await until('the other has taken over', () => witness.handled('a') > handledBefore + 20)
  sleeper.kill('SIGCONT')
  await until('all is handled', () => witness.handled('a') === 100, 30_000)
  await Promise.all([kill(sleeper), kill(other)])
  // The one call that had begun when the process stood still ends late: it began in order, and the other could not know of it.
  assert.deepEqual(
    witness.faults.filter((fault) => !/ began during /.test(fault)),
    [],
  )
  assert.ok(witness.faults.length <= 2, witness.faults.join('; '))
})

test('goes on in order on three servers when the leader is killed', { timeout: 120_000 }, async () => {
  await using cluster = await startNatsCluster()
  const first = cluster.servers[0]
  assert.ok(first)
  await using stream = await SampleStream.open(first, { servers: cluster.urls, replicas: 3 })
  const witness = new OrderWitness()
  await using _consumer = await stream.consume({
    connect: { servers: cluster.urls },
    handler: witness.watch(() => sleep(2)),
  })
  for (let count = 0; count < 50; count++) await stream.append('a', 'b', 'c')
  const leader = cluster.servers.find(({ name }) => name === stream.leader)
  await leader?.kill()
  await until('events are appended again', () =>
    stream.append('a').then(
      () => true,
      () => false,
    ),
  )
  await leader?.start()
  await until('all is handled', () => stream.counts().every(([id, count]) => witness.handled(id) >= count), 60_000)
  assert.deepEqual(witness.faults, [])
})
