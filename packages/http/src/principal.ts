/** Who sent a request. */

/** What an application says about the sender. Handed to its `authorize`; the ids become metadata of events. */
export interface Principal {
  readonly userId?: string
  readonly sessionId?: string
}

/**
 * Finds out who sent a request, from a header or a cookie that it trusts.
 * @returns undefined when the request must be refused
 */
export type Authenticate = (request: Request) => Principal | undefined | Promise<Principal | undefined>
