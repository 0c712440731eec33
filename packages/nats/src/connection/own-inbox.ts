/** Where replies come to. */

import { createInbox, type NatsConnection } from '@nats-io/nats-core'

/** @returns a subject that nobody else has, under the prefix that the connection was made with */
export function ownInbox(connection: NatsConnection): string {
  // The types of the client lack the options, which its own parts use for the same end.
  const { options } = connection as { readonly options?: { readonly inboxPrefix?: string } }
  return createInbox(options?.inboxPrefix)
}
