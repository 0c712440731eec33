/** A thread that says which process it belongs to. */

import { parentPort } from 'node:worker_threads'
import { thisProcess } from '../claim-holder.ts'

parentPort?.postMessage(thisProcess())
