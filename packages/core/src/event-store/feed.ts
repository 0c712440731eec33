/** Tells whoever listens what has just happened. */

/** Calls listeners at once, one after the other. Who publishes asks first whether anybody listens. */
export class Feed<TMessage> {
  readonly #listeners = new Set<(message: TMessage) => void>()

  /** True when a message would be heard: without that, it need not be made. */
  get isHeard(): boolean {
    return this.#listeners.size > 0
  }

  /** @param listener must not throw @returns a function that ends it */
  listen(listener: (message: TMessage) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  publish(message: TMessage): void {
    for (const listener of this.#listeners) listener(message)
  }
}
