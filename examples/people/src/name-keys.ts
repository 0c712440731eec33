/** Under which texts a name is found, so that searches need neither accents nor case nor the whole name. */

import type { PersonName } from './person-name.ts'

/** Letters that Unicode does not take apart into a base letter and a mark. */
const plainLetters: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ł: 'l',
  ħ: 'h',
  ı: 'i',
}

/**
 * @param text a name or the beginning of one, as somebody typed it
 * @returns the text as searches compare it: lower case without accents and quotes, words separated by one space
 */
export function searchText(text: string): string {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[\p{M}'’‘ʼ"“”.]/gu, '')
    .replace(/[ßæœøđðþłħı]/g, (letter) => plainLetters[letter] ?? letter)
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()
}

/**
 * @param name a person's
 * @returns search texts that begin with each word of the name, in the forms in which people look for it: in full, by its
 *   parts, without the middle name, and by the nickname
 */
export function nameKeys({ full, first, middle, last, nickname }: PersonName): readonly string[] {
  const forms = [[full], [first, middle, last], [first, last], [nickname, last]]
  const texts = forms.map((words) => searchText(words.filter((word) => word !== undefined).join(' ')))
  return [...new Set(texts.flatMap(endings))].filter((key) => key !== '')
}

/** "ada king lovelace" gives itself, "king lovelace" and "lovelace". */
function endings(text: string): readonly string[] {
  const words = text.split(' ')
  return words.map((_, index) => words.slice(index).join(' '))
}
