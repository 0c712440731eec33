/** Fills a store in a process of its own. */

import { answer, childInput } from '../harness/child.ts'
import { type FillOptions, fillStore } from '../stores/fill-store.ts'

await fillStore(childInput<FillOptions>())
answer('filled')
