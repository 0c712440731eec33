/** Strings that have broken stores before. */

/** Fine as data and as object keys, not always as identifiers. */
export const difficultStrings: readonly string[] = [
  '',
  ' ',
  'trailing ',
  ' leading',
  'emoji 😀👩‍👩‍👧‍👦',
  'NUL \0 inside',
  '\0',
  'line\nfeed\r\ttab\u001f\u007f\u0085',
  'half a pair \ud800',
  '\udc00',
  '\ude00\ud83d',
  'replacement \ufffd',
  'noncharacters \uffff\u{10ffff}',
  'byte order \ufeff',
  'line \u2028 and paragraph \u2029',
  'right \u202e to left',
  'composed é',
  'decomposed e\u0301',
  'case',
  'CASE',
  'Case',
  'İıſß',
  '0',
  '1',
  '01',
  '1.0',
  '-1',
  '1e3',
  '9007199254740993',
  'null',
  'undefined',
  'NaN',
  'true',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'toJSON',
  'hasOwnProperty',
  '"double" and \'single\' and `back`',
  '\\ \\u0000 \\n',
  "Robert'); DROP TABLE events;--",
  '100 % _ ?1 :id $id @id',
  'events.*.>',
  '../../etc/passwd',
  '{"a":[1]}',
]

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const refused = /[\u0000-\u001f\u007f]/

/** Those that an identifier may be: not empty, well-formed, no control characters. */
export const difficultIds: readonly string[] = difficultStrings.filter(
  (text) => text !== '' && text.isWellFormed() && !refused.test(text),
)

/** What no identifier may be. */
export const impossibleIds: readonly string[] = [
  '',
  'x'.repeat(201),
  '😀'.repeat(101),
  'NUL \0 inside',
  'line\nfeed',
  '\u007f',
  'half a pair \ud800',
  '\udc00',
]

/** What no type name may be. */
export const impossibleTypeNames: readonly string[] = [
  '',
  'x'.repeat(101),
  '1Person',
  '_Person',
  'Per son',
  'Person.Created',
  '*',
  '>',
  'Pérson',
  'Person\n',
  '__proto__',
]
