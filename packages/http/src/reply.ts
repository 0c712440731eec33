/** What a route answers, before it becomes a response. */

/** Status, headers and body of an answer. */
export interface Reply {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** A stream is written as fast as the client takes it. */
  readonly body: string | ReadableStream<Uint8Array> | null
}

/**
 * @param status HTTP status
 * @param value any JSON value
 * @param headers further headers, names in lower case
 */
export function jsonReply(status: number, value: unknown, headers?: Readonly<Record<string, string>>): Reply {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) }
}
