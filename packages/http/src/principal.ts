/** Who sent a request. */

/** What an application says about the sender. Handed to its `authorize`; the two ids become metadata of events. */
export interface Principal {
  readonly userId?: string
  readonly sessionId?: string
  /** Whatever else `authorize` goes by. */
  readonly [claim: string]: unknown
}

/**
 * Finds out who sent a request, by what it trusts: a signed cookie, a token, a header that only a gateway can set.
 * @returns undefined when the request must be refused
 */
export type Authenticate = (request: Request) => Principal | undefined | Promise<Principal | undefined>
