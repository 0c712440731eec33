/** Formats times, of which many in a row are the same. */

/**
 * @returns a function from milliseconds since 1970 to ISO-8601 in UTC, which remembers its newest answer: formatting costs
 *   more than everything else that is done with most timestamps
 */
export function createIsoFormatter(): (time: number) => string {
  let newest = Number.NaN
  let text = ''
  return (time) => {
    if (time !== newest) {
      newest = time
      text = new Date(time).toISOString()
    }
    return text
  }
}
