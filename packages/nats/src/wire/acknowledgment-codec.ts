/** Acknowledgments of commands as messages. */

import type { CommandAcknowledgment, CommandStatus, RejectionReason } from '@cim/core'
import { FieldReader, type Found, field, first, isGiven } from './field-reader.ts'
import { parseJson, toBytes } from './json-body.ts'
import {
  contentTypeOf,
  encodeHeader,
  HeaderReader,
  type ReceivedMessage,
  type WireForm,
  type WireMessage,
} from './wire-message.ts'
import { toSystemTime } from './wire-time.ts'

const subject = 'acknowledgment'

/** The names of headers that carry what the mission's struct has no field for. */
const header = { commandId: 'X-Command-ID', position: 'X-Position', rejectionCode: 'X-Rejection-Code' } as const

/** @param form ours, with every field, or exactly the mission's struct, with the rest in headers */
export function encodeAcknowledgment(acknowledgment: CommandAcknowledgment, form: WireForm): WireMessage {
  const { status, aggregateId, version, position, timestamp, commandId, reason } = acknowledgment
  const headers = { 'Content-Type': contentTypeOf(form) }
  if (form === 'json') {
    const why = reason === undefined ? undefined : { reason: { code: reason.code, message: reason.message } }
    const body = { status, aggregate_id: aggregateId, version, position, timestamp, command_id: commandId, ...why }
    return { headers, body: toBytes(body) }
  }
  const body = {
    status: status === 'Rejected' ? { Rejected: reason?.message ?? '' } : status,
    aggregate_id: aggregateId,
    version,
    timestamp: toSystemTime(timestamp, subject),
  }
  const more = {
    [header.commandId]: encodeHeader(commandId),
    [header.position]: String(position),
    ...(reason === undefined ? undefined : { [header.rejectionCode]: encodeHeader(reason.code) }),
  }
  return { headers: { ...headers, ...more }, body: toBytes(body) }
}

/**
 * Reads either form.
 * @param commandId of the command that was sent, for an acknowledgment that does not repeat it
 * @throws {ValidationError} that names each field that is not as it must be
 */
export function decodeAcknowledgment(message: ReceivedMessage, commandId?: string): CommandAcknowledgment {
  const reader = new FieldReader(subject)
  const fields = reader.object({ value: parseJson(message.body, subject), pointer: '' })
  reader.finish()
  const headers = new HeaderReader(message.headers)
  const inHeader = (name: keyof typeof header): Found => ({
    value: headers.get(header[name]),
    pointer: `/headers/${header[name]}`,
  })
  const position = first(field(fields, 'position'), inHeader('position'))
  const given = field(fields, 'command_id')
  const { status, why } = readStatus(reader, field(fields, 'status'))
  const reason =
    status === 'Rejected' ? readReason(reader, field(fields, 'reason'), inHeader('rejectionCode'), why) : undefined
  const acknowledgment = {
    status,
    aggregateId: reader.entityId(field(fields, 'aggregate_id')),
    version: reader.wholeNumber(field(fields, 'version'), 0),
    position: isGiven(position) ? reader.wholeNumber(position, 0) : 0,
    timestamp: reader.time(field(fields, 'timestamp')),
    commandId: reader.id(first(given, inHeader('commandId'), { ...given, value: commandId })),
    ...(reason === undefined ? undefined : { reason }),
  }
  reader.finish()
  return acknowledgment
}

function readStatus(reader: FieldReader, { value, pointer }: Found): { status: CommandStatus; why?: string } {
  if (value === 'Accepted' || value === 'Rejected' || value === 'Pending') return { status: value }
  if (typeof value === 'object' && value !== null && Object.hasOwn(value, 'Rejected')) {
    const why: unknown = (value as { readonly Rejected: unknown }).Rejected
    if (typeof why === 'string') return { status: 'Rejected', why }
  }
  reader.fail(pointer, '"Accepted", "Pending", "Rejected" or {"Rejected": "why"}', value)
  return { status: 'Pending' }
}

/** One that has no code of its own has the code `rejected`. */
function readReason(reader: FieldReader, given: Found, code: Found, why: string | undefined): RejectionReason {
  const otherwise = typeof code.value === 'string' ? code.value : 'rejected'
  if (!isGiven(given)) return { code: otherwise, message: why ?? '' }
  const fields = reader.object(given)
  const text = (name: string, missing: string): string => {
    const found = field(fields, name, given.pointer)
    if (!isGiven(found)) return missing
    if (typeof found.value !== 'string') reader.fail(found.pointer, 'a string', found.value)
    return String(found.value)
  }
  return { code: text('code', otherwise), message: text('message', why ?? '') }
}
