/** A process that consumes, and says of each call when it begins and ends. Its options are its argument, as JSON. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { NatsConsumerOptions } from '../consume/consumer-options.ts'
import { NatsConsumer } from '../consume/nats-consumer.ts'

const options = JSON.parse(process.argv[2] ?? '') as Omit<NatsConsumerOptions, 'handler'>
await NatsConsumer.open({
  ...options,
  handler: async ({ aggregateId, sequence }) => {
    // Writes to a pipe are done at once: what was said is not lost when the process is killed.
    process.stdout.write(`begin ${aggregateId} ${sequence}\n`)
    await sleep(5)
    process.stdout.write(`end ${aggregateId} ${sequence}\n`)
  },
})
