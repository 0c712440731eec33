/** Lifts stored event data of an older schema version to the next one. */

/**
 * Turns data written with schema version n into data of version n + 1. Pure; must not fail on any stored event.
 *
 * The first upcaster of a list lifts version 1 to 2, the second 2 to 3; the current schema version of an event type is
 * the length of its list plus 1.
 */
export type Upcaster = (data: unknown) => unknown

/** The upcasters of each event type. */
export type Upcasters = Readonly<Record<string, readonly Upcaster[] | undefined>>

/** @returns the schema version that new events of a type are written with */
export function currentSchemaVersion(upcasters: Upcasters | undefined, eventType: string): number {
  return (ownUpcasters(upcasters, eventType)?.length ?? 0) + 1
}

/**
 * @param upcasters those of the event's aggregate type
 * @param event type, schema version and data as they are stored
 * @returns the data in the current schema version
 * @throws {RangeError} when the event was written with a newer schema version than the definition knows
 */
export function upcast(
  upcasters: Upcasters | undefined,
  event: { readonly eventType: string; readonly schemaVersion: number; readonly eventData: unknown },
): unknown {
  const chain = ownUpcasters(upcasters, event.eventType) ?? []
  const current = chain.length + 1
  if (event.schemaVersion === current) return event.eventData
  if (event.schemaVersion > current) {
    throw new RangeError(
      `it was written with schema version ${event.schemaVersion}, this program knows versions up to ${current}. Run a newer program.`,
    )
  }
  return chain.slice(event.schemaVersion - 1).reduce((data, lift) => lift(data), event.eventData)
}

function ownUpcasters(upcasters: Upcasters | undefined, eventType: string): readonly Upcaster[] | undefined {
  return upcasters !== undefined && Object.hasOwn(upcasters, eventType) ? upcasters[eventType] : undefined
}
