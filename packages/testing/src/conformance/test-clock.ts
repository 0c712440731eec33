/** A clock that stands still until a test moves it. */

/** Begins at 2026-01-01T00:00:00.000Z. */
export class TestClock {
  /** Milliseconds since 1970. */
  time: number = Date.UTC(2026, 0, 1)

  /** Gives the time; may be handed around without its clock. */
  readonly now = (): number => this.time

  /** @param ms how far to go; back when negative */
  advance(ms: number): void {
    this.time += ms
  }
}
