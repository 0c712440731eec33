/** What tests read of an answer. */

/** A response that has been read. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: AnswerJson
}

/** Every member that tests look into. Which of them are there depends on the answer: a test that reads one expects it. */
export interface AnswerJson {
  readonly status: unknown
  readonly aggregateType: string
  readonly aggregateId: string
  readonly version: number
  readonly position: number
  readonly timestamp: string
  readonly commandId: string
  readonly reason: unknown
  readonly state: { readonly legalName?: string }
  readonly events: readonly AnswerEvent[]
  readonly isEnd: boolean
  readonly next: string
  readonly type: string
  readonly title: string
  readonly detail: string
  readonly code: string
  readonly errors: readonly { readonly pointer: string; readonly message: string }[]
  readonly errorId: string
  readonly header: string
  readonly limit: number
  readonly expectedVersion: number
  readonly actualVersion: number
  readonly wantedPosition: number
  readonly commands: readonly string[]
  readonly queries: readonly string[]
  readonly aggregateTypes: readonly string[]
  readonly reasons: readonly string[]
  readonly isOwn: readonly string[]
  readonly parameters: { readonly tag: unknown; readonly 'sp ace': unknown }
  readonly info: unknown
  readonly security: unknown
}

/** An event in a page; one of an aggregate's history has differences. */
export interface AnswerEvent {
  readonly eventType: string
  readonly aggregateId: string
  readonly sequence: number
  readonly position: number
  readonly data: unknown
  readonly differences: unknown
}
