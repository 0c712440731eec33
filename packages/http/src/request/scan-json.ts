/** Sees in a JSON text what parsing it would hide. */

/** What a JSON text looks like from above. */
export interface JsonOutline {
  /** How many arrays and objects are nested in each other at the deepest place. */
  readonly depth: number
  /** The names in the outermost object, as JSON strings, in order and with repeats. */
  readonly topLevelFields: readonly string[]
}

const quote = 0x22
const backslash = 0x5c

/**
 * Walks over a text in one pass. A text that is not JSON gives some outline; parsing it will fail anyway.
 * @param text what may be JSON
 */
export function scanJson(text: string): JsonOutline {
  const topLevelFields: string[] = []
  let depth = 0
  let deepest = 0
  let newest = ''
  for (let index = 0; index < text.length; index++) {
    switch (text.charCodeAt(index)) {
      case 0x7b: // {
      case 0x5b: // [
        depth++
        if (depth > deepest) deepest = depth
        break
      case 0x7d: // }
      case 0x5d: // ]
        depth--
        break
      case quote: {
        const end = endOfString(text, index)
        if (depth === 1) newest = text.slice(index, end + 1)
        index = end
        break
      }
      case 0x3a: // :
        if (depth === 1) topLevelFields.push(newest)
        break
    }
  }
  return { depth: deepest, topLevelFields }
}

/** @returns the index of the closing quote, or of the text's end */
function endOfString(text: string, start: number): number {
  let end = start
  do {
    end = text.indexOf('"', end + 1)
    if (end === -1) return text.length
  } while (isEscaped(text, end))
  return end
}

function isEscaped(text: string, index: number): boolean {
  let backslashes = 0
  while (text.charCodeAt(index - 1 - backslashes) === backslash) backslashes++
  return backslashes % 2 === 1
}
