/** Formats times, of which many in a row are of the same day. */

const dayMs = 86_400_000
const two: readonly string[] = Array.from({ length: 60 }, (_, value) => String(value).padStart(2, '0'))
const three: readonly string[] = Array.from({ length: 1000 }, (_, value) => String(value).padStart(3, '0'))

/**
 * @returns a function from whole milliseconds since 1970, within what a Date can hold, to ISO-8601 in UTC, which remembers the newest day and the newest
 *   answer: formatting anew would cost more than everything else that is done with most timestamps
 */
export function createIsoFormatter(): (time: number) => string {
  let newest = Number.NaN
  let day = Number.NaN
  let date = ''
  let text = ''
  return (time) => {
    if (time === newest) return text
    const days = Math.floor(time / dayMs)
    if (days !== day) {
      date = new Date(days * dayMs).toISOString().slice(0, -13)
      day = days
    }
    const inDay = time - days * dayMs
    const seconds = Math.floor(inDay / 1000)
    const minutes = Math.floor(seconds / 60)
    text = `${date}${two[Math.floor(minutes / 60)]}:${two[minutes % 60]}:${two[seconds % 60]}.${three[inDay % 1000]}Z`
    newest = time
    return text
  }
}
