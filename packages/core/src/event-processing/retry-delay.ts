/** How long to wait before trying again. */

import { checkOptions, checkWholeNumber } from '../errors/check-options.ts'

/** Waits that grow from failure to failure. */
export interface RetryDelay {
  /** Milliseconds before the second attempt. */
  readonly firstMs: number
  /** The wait never grows past this many milliseconds. */
  readonly mostMs: number
}

/**
 * Doubles with every failure, and shortens each wait by a random part of up to a half so that many do not return at once.
 * @param delay the bounds
 * @param failures how many there were in a row, from 1
 * @param random a number from 0 up to but not including 1
 * @returns milliseconds
 */
export function retryDelayMs(delay: RetryDelay, failures: number, random: number): number {
  const full = Math.min(delay.mostMs, delay.firstMs * 2 ** Math.min(failures - 1, 30))
  return Math.round(full * (1 - random / 2))
}

/** @throws {InvalidOptionError} when a bound is not a number of milliseconds up to a day */
export function checkRetryDelay(delay: RetryDelay): RetryDelay {
  checkOptions('retryDelay', delay, ['firstMs', 'mostMs'])
  for (const name of ['firstMs', 'mostMs'] as const) {
    checkWholeNumber('retryDelay', name, delay[name], { least: 0, most: 86_400_000 })
  }
  return delay
}
