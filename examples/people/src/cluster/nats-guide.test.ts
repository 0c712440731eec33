// The command lines in docs/nats.md, as a reader would paste them: services as it starts them, and what it asks them.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { commandLines, hasCurl, runCommandLine } from '../test-support/command-lines.ts'
import { startNatsServer } from '../test-support/nats-servers.ts'
import { ServiceProcess } from '../test-support/service-process.ts'
import { temporaryFolder } from '../test-support/temporary-folder.ts'

test('the command lines in docs/nats.md do what is said there', {
  skip: hasCurl ? false : 'curl is missing',
}, async (context) => {
  const document = await readFile(join(import.meta.dirname, '../../../../docs/nats.md'), 'utf8')
  const server = await startNatsServer(context)
  const starts = [...document.matchAll(/^npm start -- (.*)$/gm)].map(([, args = '']) => args)
  assert.equal(starts.length, 2)
  const services = await Promise.all(starts.map((args) => startAs(context, args, server.url)))
  const lines = commandLines(document)
  assert.equal(lines.length, 4)
  for (const line of lines) {
    await runCommandLine(line, (text) => services.reduce((here, [there, { url }]) => here.replace(there, url), text))
  }
})

/** @returns where the document says that it listens, and the service */
async function startAs(context: TestContext, args: string, server: string): Promise<readonly [string, ServiceProcess]> {
  const [, servers, port] = /^--nats (\S+) --port (\d+) --data \S+$/.exec(args) ?? []
  assert.equal(servers, 'nats://127.0.0.1:4222,nats://127.0.0.1:4223,nats://127.0.0.1:4224', args)
  const service = await ServiceProcess.start({ dataFolder: temporaryFolder(context), args: ['--nats', server] })
  context.after(() => service.end('SIGKILL'))
  return [`http://127.0.0.1:${port}`, service]
}
