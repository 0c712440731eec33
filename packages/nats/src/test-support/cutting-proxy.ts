/** A TCP proxy that cuts connections where a test wants it. */

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** Stands between a client and a server. */
export interface CuttingProxy extends AsyncDisposable {
  readonly url: string
  /** How many connections were cut. */
  readonly cuts: number
  /** Cuts the connection once so many more bytes of the client have passed; the rest never arrives. */
  cutAfterSent(bytes: number): void
  /** Lets the client's next message that holds the text pass, keeps what the server answers, and cuts the connection. */
  cutBeforeAnswer(text: string): void
  /** Lets nothing pass in either direction, and keeps it until {@link release}. */
  hold(): void
  release(): void
  /** Cuts every connection now. */
  cut(): void
}

/** @param port the server's, on this machine */
export async function startCuttingProxy(port: number): Promise<CuttingProxy> {
  const pairs = new Set<readonly [Socket, Socket]>()
  let bytesLeft = Number.POSITIVE_INFINITY
  let text: string | undefined
  let isSwallowing = false
  let isHolding = false
  let cuts = 0
  const cut = (): void => {
    bytesLeft = Number.POSITIVE_INFINITY
    text = undefined
    isSwallowing = false
    cuts++
    for (const pair of pairs) for (const socket of pair) socket.destroy()
    pairs.clear()
  }
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    const pair = [client, upstream] as const
    pairs.add(pair)
    if (isHolding) for (const socket of pair) socket.pause()
    client.on('data', (chunk: Buffer) => {
      if (chunk.length > bytesLeft) {
        // What was written before the end still arrives.
        upstream.end(chunk.subarray(0, bytesLeft))
        pairs.delete(pair)
        client.destroy()
        cut()
        return
      }
      bytesLeft -= chunk.length
      if (text !== undefined && chunk.includes(text)) isSwallowing = true
      upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      if (isSwallowing) cut()
      else client.write(chunk)
    })
    for (const [socket, other] of [pair, [upstream, client] as const]) {
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        other.destroy()
        pairs.delete(pair)
      })
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port.')
  return {
    url: `nats://127.0.0.1:${address.port}`,
    get cuts() {
      return cuts
    },
    cutAfterSent(bytes) {
      bytesLeft = bytes
    },
    cutBeforeAnswer(wanted) {
      text = wanted
    },
    hold() {
      isHolding = true
      for (const pair of pairs) for (const socket of pair) socket.pause()
    },
    release() {
      isHolding = false
      for (const pair of pairs) for (const socket of pair) socket.resume()
    },
    cut,
    async [Symbol.asyncDispose]() {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}
