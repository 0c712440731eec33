import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { problemKinds } from './index.ts'
import { serve } from './test-support/fixture.ts'

const documentation = await readFile(new URL('../../../docs/http-api.md', import.meta.url), 'utf8')

interface Example {
  readonly url: string
  readonly init: { readonly method: string; readonly headers: Headers; readonly body?: string }
  readonly status: number
}

/** Understands as much of a shell and of curl as the examples need: single quotes, -H, -d and -N. */
function toExample(command: string, status: string): Example {
  const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
  assert.equal(words.shift(), 'curl')
  const headers = new Headers()
  let url = ''
  let body: string | undefined
  while (words.length > 0) {
    const word = words.shift() ?? ''
    if (word === '-H') {
      const [name = '', value = ''] = words.shift()?.split(': ') ?? []
      headers.append(name, value)
    }
    if (word === '-d') body = words.shift()
    else if (word.startsWith('http')) url = word
  }
  const init = { method: body === undefined ? 'GET' : 'POST', headers, ...(body === undefined ? undefined : { body }) }
  return { url, init, status: Number(status) }
}

test('every example in the documentation does what is said there', async () => {
  await using service = await serve()
  const blocks = [...documentation.matchAll(/```sh\n(.*?)```/gs)].map(
    ([, block]) => block?.replaceAll('\\\n', '') ?? '',
  )
  const examples = blocks.flatMap((block) =>
    [...block.matchAll(/^(curl .*)\n# (\d+)$/gm)].map(([, command, status]) => toExample(command ?? '', status ?? '')),
  )
  assert.equal(examples.length, (documentation.match(/^curl /gm) ?? []).length)
  for (const { url, init, status } of examples) {
    const response = await fetch(url.replace('http://127.0.0.1:7117', service.server.url), init)
    assert.equal(response.status, status, `${init.method} ${url}`)
    // A live stream would never end.
    await response.body?.cancel()
  }
})

test('every problem stands in the documentation with its status', () => {
  for (const [code, { status }] of problemKinds) {
    const rows = documentation.split('\n').filter((line) => line.startsWith(`| ${status} |`))
    assert.ok(
      rows.some((row) => row.includes(`\`${code}\``)),
      `${code} (${status})`,
    )
  }
})

test('every 503 says when to come back', () => {
  for (const [code, { status, retryAfter }] of problemKinds) {
    assert.equal(retryAfter !== undefined, status === 503, code)
  }
})
