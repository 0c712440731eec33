/** JSON Schemas of an application's messages, as components of an OpenAPI document. */

import { type Application, escapePointer, jsonSchemaOf, type Schema } from '@cim/core'

/** A JSON Schema, draft 2020-12. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** @returns a reference to a component */
export function refTo(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${escapePointer(name)}` }
}

/** @returns the component's name */
export function commandSchemaName(commandType: string): string {
  return `command.${commandType}`
}

/** @returns the component's name */
export function eventSchemaName(aggregateType: string, eventType: string): string {
  return `event.${aggregateType}.${eventType}`
}

/** @returns the component's name */
export function resultSchemaName(queryType: string): string {
  return `result.${queryType}`
}

/** @returns the component's name */
export function parametersSchemaName(queryType: string): string {
  return `parameters.${queryType}`
}

/** @returns a schema as it stands among the components under a name */
export function componentOf(name: string, schema: Schema): JsonSchema {
  return rebase(jsonSchemaOf(schema), `#/components/schemas/${escapePointer(name)}`) as JsonSchema
}

/** @returns every message's schema by its component's name */
export function messageSchemas({ aggregates, queries }: Application): Readonly<Record<string, JsonSchema>> {
  const schemas: Record<string, JsonSchema> = {}
  const add = (name: string, schema: Schema): void => {
    schemas[name] = componentOf(name, schema)
  }
  for (const { aggregateType, commands, events } of aggregates.values()) {
    for (const [commandType, schema] of Object.entries(commands)) add(commandSchemaName(commandType), schema)
    for (const [eventType, schema] of Object.entries(events)) add(eventSchemaName(aggregateType, eventType), schema)
  }
  for (const { queryType, parameters, result } of queries) {
    add(parametersSchemaName(queryType), parameters)
    add(resultSchemaName(queryType), result)
  }
  return schemas
}

/** What stands under these keywords is data, whatever it looks like. */
const dataKeywords = new Set(['const', 'default', 'enum', 'examples'])

/**
 * A schema may refer to its own parts; within a larger document those have another place.
 * @param schema what stood at the root of its own document
 * @param place a JSON pointer to where it stands now, with `#`
 */
function rebase(schema: unknown, place: string): unknown {
  if (Array.isArray(schema)) return schema.map((each) => rebase(each, place))
  if (typeof schema !== 'object' || schema === null) return schema
  return Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => {
      if (keyword === '$ref' && typeof value === 'string' && value.startsWith('#')) {
        return [keyword, `${place}${value.slice(1)}`]
      }
      return [keyword, dataKeywords.has(keyword) ? value : rebase(value, place)]
    }),
  )
}
