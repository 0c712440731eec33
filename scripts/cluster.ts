// `npm run cluster`: a local JetStream cluster of three servers, to try what runs on several machines otherwise.
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { LocalCluster, routeOffset } from './local-cluster.ts'
import { obtainNatsServer } from './nats-server.ts'

const help = `Runs three NATS servers with JetStream on this machine, as one cluster, until Ctrl+C.

  npm run cluster -- [options]

  --data <folder>    where they keep what they store                   (./data/cluster)
  --port <number>    for clients of the first server; the others have
                     the next two, and among themselves ${routeOffset} more    (4222)
  --sync <when>      always: what is acknowledged is on the disk;
                     default: servers sync every two minutes           (always)
  --help             shows this`

type ClusterOptions = { readonly folder: string; readonly port: number; readonly syncInterval: string | undefined }

function parseOptions(args: readonly string[]): ClusterOptions | 'help' {
  const text = { type: 'string' } as const
  const options = { data: text, port: text, sync: text, help: { type: 'boolean' } } as const
  const { values } = parseArgs({ args: [...args], options })
  const { data = './data/cluster', port = '4222', sync = 'always' } = values
  if (values.help === true) return 'help'
  if (data === '') throw new Error('--data must not be empty.')
  const highest = 65_535 - routeOffset - 2
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > highest)
    throw new Error(`--port must be a whole number from 1 to ${highest}, got '${port}'.`)
  if (sync !== 'always' && sync !== 'default') throw new Error(`--sync must be always or default, got '${sync}'.`)
  return { folder: resolve(data), port: Number(port), syncInterval: sync === 'always' ? sync : undefined }
}

async function run({ folder, port, syncInterval }: ClusterOptions): Promise<void> {
  const asked = stopAsked()
  const program = obtainNatsServer()
  await using cluster = await LocalCluster.start({ program, port, folder, syncInterval, say: console.log })
  console.log(welcome(cluster, syncInterval))
  await asked
  console.log('\nStopping the three servers.')
}

/** A signal may come more than once: from the terminal, and again from npm, which passes it on. */
function stopAsked(): Promise<NodeJS.Signals> {
  const { promise, resolve: stop } = Promise.withResolvers<NodeJS.Signals>()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
  return promise
}

function welcome({ servers }: LocalCluster, syncInterval: string | undefined): string {
  const lines = servers.map(
    ({ name, url, folder, pid }) => `  ${name}  ${url}  keeps its data in ${folder} (process ${pid})`,
  )
  const durability =
    syncInterval === undefined
      ? 'What they acknowledge is synced to the disks every two minutes: if the power fails, the newest of it may be lost.'
      : 'What they acknowledge is synced to the disks first (sync_interval: always).'
  return `Three NATS servers with JetStream run as one cluster:
${lines.join('\n')}
${durability}

Run the People service on them, in another terminal; as often as you like, each with a port and a folder of its own:
  npm start -- --nats ${servers.map(({ url }) => url).join(',')}

Stop with Ctrl+C. What they store is there at the next start.`
}

try {
  const options = parseOptions(process.argv.slice(2))
  if (options === 'help') console.log(help)
  else await run(options)
} catch (error) {
  const { message, code } = error as NodeJS.ErrnoException
  // Of a wrong option, the first sentence says what is wrong; those after it are about positional arguments.
  console.error(code?.startsWith('ERR_PARSE_ARGS') ? `${message.split('. ')[0]}. See --help.` : message)
  process.exitCode = 1
}
