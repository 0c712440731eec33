/** A message as it travels: headers and bytes, of whatever client. */

/** Header values by name. */
export type WireHeaders = Readonly<Record<string, string>>

/** A message to send. */
export interface WireMessage {
  readonly headers: WireHeaders
  readonly body: Uint8Array
}

/** A message that came. */
export interface ReceivedMessage {
  readonly headers?: WireHeaders
  readonly body: Uint8Array
  /** Where it was sent: tells what the message itself leaves out. */
  readonly subject?: string
}

/** How our own JSON is marked. */
export const jsonContentType = 'application/json'
/** How the shape that serde gives the mission's structs is marked. */
export const serdeContentType = 'application/vnd.cim.serde+json'
/** How a structured CloudEvent is marked. */
export const cloudEventContentType = 'application/cloudevents+json'
/** How an error is marked. */
export const problemContentType = 'application/problem+json'

/** The two shapes of acknowledgments and requests: our JSON, and what serde_json makes of the mission's structs. */
export type WireForm = 'json' | 'serde'

/** @returns the shape that a media type stands for: `json` for any other than serde's */
export function formOf(contentType: string | undefined): WireForm {
  return isMediaType(contentType, serdeContentType) ? 'serde' : 'json'
}

/** @returns the media type of a shape */
export function contentTypeOf(form: WireForm): string {
  return form === 'serde' ? serdeContentType : jsonContentType
}

/** Compares without parameters and case. */
export function isMediaType(contentType: string | undefined, expected: string): boolean {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase() === expected
}

const notPrintable = /[^\x21-\x7e]|["%]/gu

/**
 * Headers carry printable ASCII alone, and clients trim them: everything else is percent-encoded, as CloudEvents do it.
 * @param text well-formed Unicode
 */
export function encodeHeader(text: string): string {
  return text.replace(notPrintable, (sign) => (sign < '\x80' ? percent(sign) : encodeURIComponent(sign)))
}

function percent(sign: string): string {
  return `%${sign.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}

/** @returns the text behind a header; one that nobody has encoded is taken as it is */
export function decodeHeader(value: string): string {
  if (!value.includes('%')) return value
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}

/** Finds headers whatever the case of their names, decoded. Names that every object has are no headers. */
export class HeaderReader {
  readonly #values = new Map<string, string>()

  constructor(headers: WireHeaders | undefined) {
    for (const [name, value] of Object.entries(headers ?? {})) this.#values.set(name.toLowerCase(), decodeHeader(value))
  }

  /** @returns undefined when it is missing or empty */
  get(name: string): string | undefined {
    const value = this.#values.get(name.toLowerCase())
    return value === '' ? undefined : value
  }
}
