import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { nameKeys, searchText } from './name-keys.ts'

describe('search texts', () => {
  test('know neither case nor accents nor punctuation', () => {
    assert.equal(searchText('Nydia M. VELÁZQUEZ'), 'nydia m velazquez')
    assert.equal(searchText('Jesús G. "Chuy" García'), 'jesus g chuy garcia')
    assert.equal(searchText("  O'Rourke–Ocasio-Cortez, Jr. "), 'orourke ocasio cortez jr')
    assert.equal(searchText('Łukasz Øster Straße Æthelred İlkay'), 'lukasz oster strasse aethelred ilkay')
  })

  test('treat composed and decomposed letters alike', () => {
    assert.equal(searchText('Luján'.normalize('NFD')), searchText('Luján'.normalize('NFC')))
  })

  test('keep letters of every script, and may be empty', () => {
    assert.equal(searchText('山田 太郎'), '山田 太郎')
    assert.equal(searchText(' -.!'), '')
  })
})

describe('the keys of a name', () => {
  test('begin with each of its words', () => {
    assert.deepEqual(nameKeys({ full: 'Ada King Lovelace' }), ['ada king lovelace', 'king lovelace', 'lovelace'])
  })

  test('include the parts, the short form and the nickname, each once', () => {
    assert.deepEqual(nameKeys({ full: 'Jack Reed', first: 'John', middle: 'F.', last: 'Reed', nickname: 'Jack' }), [
      'jack reed',
      'reed',
      'john f reed',
      'f reed',
      'john reed',
    ])
  })
})
