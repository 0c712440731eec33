/** Lengths of time in requests. */

const iso = /^P(?=[\dT])(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?=\d)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9})S)?)?$/
const seconds = /^\d{1,9}$/

/** What {@link parseDuration} takes, for messages. */
export const durationForm =
  'must be an ISO-8601 duration in weeks, days, hours, minutes and seconds, such as P1DT12H, or a number of seconds'

/**
 * @param text an ISO-8601 duration without years and months, whose lengths differ, or whole seconds
 * @returns milliseconds, undefined when it is neither
 */
export function parseDuration(text: string): number | undefined {
  if (seconds.test(text)) return Number(text) * 1000
  const parts = iso.exec(text)
  if (parts === null) return undefined
  const [weeks = 0, days = 0, hours = 0, minutes = 0, rest = 0] = parts.slice(1).map((part) => Number(part ?? 0))
  return ((((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 + rest) * 1000
}
