/** The schemas that commands, events, views and queries share. */

import { type EntityId, maxIdLength } from '@cim/core'
import { z } from 'zod'

/**
 * A schema of one line of text: trimmed, in Unicode normalization form C, not empty.
 * @param maxLength the most characters (UTF-16 code units) it may have
 */
export function line(maxLength: number): z.ZodString {
  return z.string().trim().normalize('NFC').min(1).max(maxLength).regex(plainText, 'Must be one line of plain text')
}

// Neither control characters nor halves of surrogate pairs.
const plainText = /^[^\p{Cc}\p{Cs}]*$/u
// What the event store takes for an id, which is a little more: control characters beyond ASCII too.
const idText = /^(?:[^\p{Cc}\p{Cs}]|[\u0080-\u009f])*$/u

/**
 * Makes a line of any text, such as the message of an error: what a {@link line} cannot hold becomes a space.
 * @param maxLength the line has so many characters (UTF-16 code units) at most
 * @returns `-` when nothing is left
 */
export function toLine(text: string, maxLength: number): string {
  const whole = text.normalize('NFC').slice(0, maxLength)
  return whole.replace(/[\p{Cc}\p{Cs}]+/gu, ' ').trim() || '-'
}

/** Why something is done, in the words of whoever does it. */
export const reason: z.ZodString = line(500)

/** What somebody does in an organization. */
export const role: z.ZodString = line(200)

/** A day without time or time zone, `YYYY-MM-DD`; strings of this form sort as the days do. */
export const calendarDate: z.ZodISODate = z.iso.date()

export const personId: z.ZodType<EntityId<'Person'>, string> = entityId('Person')
export const organizationId: z.ZodType<EntityId<'Organization'>, string> = entityId('Organization')
export const employmentId: z.ZodType<EntityId<'Employment'>, string> = entityId('Employment')

/** @returns the day of a moment in UTC */
export function dayOf(timestamp: string): string {
  return timestamp.slice(0, 'YYYY-MM-DD'.length)
}

function entityId<TType extends string>(_aggregateType: TType): z.ZodType<EntityId<TType>, string> {
  const text = z.string().min(1).max(maxIdLength).regex(idText, 'Must not contain control characters')
  // What a schema counts is whole characters; an id has so many UTF-16 code units.
  const id = text.refine(({ length }) => length <= maxIdLength, `Must have at most ${maxIdLength} UTF-16 code units`)
  // An EntityId is a string that only the type checker tells from others.
  return id as unknown as z.ZodType<EntityId<TType>, string>
}
