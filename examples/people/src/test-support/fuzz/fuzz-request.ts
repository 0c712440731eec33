/** One request of the fuzzer, and how it is sent. */

/** A request that is well-formed HTTP, whatever it means. */
export interface FuzzRequest {
  readonly method: string
  /** As it stands in the first line. Its characters are bytes. */
  readonly target: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer | undefined
}

/** @returns the request as it is sent to a host */
export function toBytes({ method, target, headers, body }: FuzzRequest, host: string): Buffer {
  const own = headers.some(([name]) => name.toLowerCase() === 'host') ? [] : [['Host', host] as const]
  const length = body === undefined ? [] : [['Content-Length', String(body.length)] as const]
  const lines = [...own, ...headers, ...length].map(([name, value]) => `${name}: ${value}\r\n`)
  const head = Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1')
  return body === undefined ? head : Buffer.concat([head, body])
}

/** @returns whether a request is answered without a body */
export function isHead({ method }: FuzzRequest): boolean {
  return method === 'HEAD'
}
