/** Made-up events of persons: always the same ones, about 180 bytes of data each. */

import { seededRandom } from '../harness/random.ts'

/** An event as it would be appended. */
export interface PersonEventContent {
  readonly eventType: string
  readonly eventData: Readonly<Record<string, string>>
}

const poolSize = 4096
const random = seededRandom(1)
const letters = 'abcdefghijklmnopqrstuvwxyz'
const word = (length: number): string =>
  Array.from({ length }, () => letters[Math.floor(random() * letters.length)]).join('')
const choose = (words: readonly string[]): string => words[Math.floor(random() * words.length)] ?? ''
const sentence = (count: number): string => Array.from({ length: count }, () => word(7)).join(' ')

const givenNames = Array.from({ length: 200 }, () => word(6))
const familyNames = Array.from({ length: 1000 }, () => word(9))
const cities = Array.from({ length: 300 }, () => word(10))
const emailOf = (index: number): string => `${choose(givenNames)}.${choose(familyNames)}${index}@example.org`

const registrations = Array.from({ length: poolSize }, (_, index) => ({
  eventType: 'PersonRegistered',
  eventData: {
    givenName: choose(givenNames),
    familyName: choose(familyNames),
    dateOfBirth: '1815-12-10',
    email: emailOf(index),
  },
}))

/** In a hundred: 20 e-mail addresses, 20 postal addresses, 10 names and 50 notes. */
const changes: readonly PersonEventContent[] = Array.from({ length: poolSize }, (_, index) => {
  const kind = random()
  if (kind < 0.2) return { eventType: 'EmailChanged', eventData: { newEmail: emailOf(index), reason: sentence(15) } }
  if (kind < 0.4) {
    const eventData = { street: sentence(3), postalCode: '1010', city: choose(cities), country: sentence(4) }
    return { eventType: 'AddressChanged', eventData }
  }
  if (kind < 0.5)
    return { eventType: 'NameUpdated', eventData: { familyName: choose(familyNames), reason: sentence(15) } }
  return { eventType: 'NoteAdded', eventData: { author: choose(givenNames), text: sentence(20) } }
})

/**
 * @param sequence the event's place in its aggregate; 1 is a registration
 * @param which any number: which of the made-up events to take
 */
export function personEventContent(sequence: number, which: number): PersonEventContent {
  return (sequence === 1 ? registrations : changes)[which % poolSize] as PersonEventContent
}

const commandTypes: Readonly<Record<string, string>> = {
  PersonRegistered: 'RegisterPerson',
  EmailChanged: 'ChangeEmail',
  AddressChanged: 'ChangeAddress',
  NameUpdated: 'UpdateName',
  NoteAdded: 'AddNote',
}

/** @returns type and data of a command that makes such an event */
export function personCommandContent(
  sequence: number,
  which: number,
): { readonly commandType: string; readonly data: Readonly<Record<string, string>> } {
  const { eventType, eventData } = personEventContent(sequence, which)
  return { commandType: commandTypes[eventType] ?? '', data: eventData }
}
