/** Who and what caused an event. */

/**
 * The circumstances of an event, beside its content. Every field is a string of 1 to 200 characters.
 * @see the mission's heading "Event Envelope"
 */
export interface EventMetadata {
  /** One id for all that a root command caused. The root command's own id unless its sender chose another. */
  readonly correlationId?: string
  /** The id of the direct parent: the command that this event came from. */
  readonly causationId?: string
  /** The command whose decision made this event. */
  readonly commandId?: string
  /** The user on whose behalf it happened. */
  readonly userId?: string
  /** The session in which it happened. */
  readonly sessionId?: string
}
