/** Makes plain data unchangeable, so that a mistake shows where it is made. */

/**
 * Freezes a value with everything in it. What is frozen already is passed over, so that freezing a copy that shares most
 * of its parts costs little.
 * @param value plain JSON data
 * @returns the same value
 */
export function deepFreeze<TValue>(value: TValue): TValue {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const key in value) deepFreeze(value[key])
  return value
}
