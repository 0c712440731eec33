/** All scenarios, in the order in which they run and are reported. */

import type { Scenario } from './harness/scenario.ts'
import { append } from './scenarios/append.ts'
import { catchUp } from './scenarios/catch-up.ts'
import { commands } from './scenarios/commands.ts'
import { growth } from './scenarios/growth.ts'
import { http } from './scenarios/http.ts'
import { load } from './scenarios/load.ts'
import { memory } from './scenarios/memory.ts'
import { natsAppend } from './scenarios/nats-append.ts'
import { natsConsume } from './scenarios/nats-consume.ts'
import { natsLoad } from './scenarios/nats-load.ts'
import { natsView } from './scenarios/nats-view.ts'
import { peerStores } from './scenarios/peers.ts'
import { processing } from './scenarios/processing.ts'
import { sagas } from './scenarios/sagas.ts'
import { sizes } from './scenarios/sizes.ts'

export const scenarios: readonly Scenario[] = [
  append,
  peerStores,
  commands,
  load,
  catchUp,
  processing,
  sagas,
  http,
  growth,
  sizes,
  memory,
  natsAppend,
  natsLoad,
  natsConsume,
  natsView,
]
