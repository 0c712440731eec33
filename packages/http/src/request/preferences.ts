/** Reads the header `Prefer`. @see RFC 7240 */

/** What a client would like. Whatever else it prefers is passed over, as the RFC asks. */
export interface Preferences {
  /** `respond-async`: it need not wait until the command is executed. */
  readonly isAsync: boolean
  /** `wait=n`, in milliseconds; undefined when it does not say. */
  readonly waitMs: number | undefined
}

/** Parts between commas, but for commas in quotes; a quotation that does not end goes on to the end. */
const parts = /(?:[^",]|"(?:[^"\\]|\\.)*(?:"|\\?$))+/g

/**
 * @param headers the request's
 * @param longestWaitMs what a longer wait is cut to, in milliseconds
 */
export function preferencesOf(headers: Headers, longestWaitMs: number): Preferences {
  const text = headers.get('prefer')
  if (text === null) return { isAsync: false, waitMs: undefined }
  const preferred = new Map<string, string>()
  for (const [part] of text.matchAll(parts)) {
    const [, name = '', value = ''] = /^\s*([^\s=;]+)\s*(?:=\s*"?([^";]*))?/.exec(part) ?? []
    // Of a preference that is given twice, the first one counts.
    if (!preferred.has(name.toLowerCase())) preferred.set(name.toLowerCase(), value.trim())
  }
  const seconds = preferred.get('wait')
  const waitMs = seconds !== undefined && /^\d{1,9}$/.test(seconds) ? Number(seconds) * 1000 : undefined
  return {
    isAsync: preferred.has('respond-async'),
    waitMs: waitMs === undefined ? undefined : Math.min(waitMs, longestWaitMs),
  }
}
