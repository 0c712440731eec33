/** Server-sent events, as a client reads them. */

/** One server-sent event, or a comment. */
export interface Message {
  readonly id?: string
  readonly event?: string
  readonly data?: string
  readonly comment?: string
}

/** Reads server-sent events as they come. */
export async function* messagesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Message> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true })
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      yield toMessage(text.slice(0, end))
      text = text.slice(end + 2)
    }
  }
}

function toMessage(block: string): Message {
  const fields = block.split('\n').map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon) || 'comment', line.slice(colon + 1).trimStart()] as const
  })
  return Object.fromEntries(fields)
}
