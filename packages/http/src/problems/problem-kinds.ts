/** The one place where an error's code becomes an HTTP status. */

/** What is the same for every problem with one code. */
export interface ProblemKind {
  readonly status: number
  readonly title: string
  /** Stands in for the error's own message where that may speak of files or other internals. */
  readonly detail?: string
  /** Seconds after which it makes sense to try again. */
  readonly retryAfter?: number
}

/** Every code that a client can meet. Any other error is `internal`. */
export const problemKinds: ReadonlyMap<string, ProblemKind> = new Map<string, ProblemKind>([
  ['validation', { status: 400, title: 'The input is not valid.' }],
  ['invalid-json', { status: 400, title: 'The body is not acceptable JSON.' }],
  ['invalid-header', { status: 400, title: 'A header is not valid.' }],
  ['bad-request', { status: 400, title: 'The request cannot be understood.' }],
  ['unauthenticated', { status: 401, title: 'Say who you are.' }],
  ['forbidden', { status: 403, title: 'You may not do this.' }],
  ['cross-origin', { status: 403, title: 'Pages of other origins may not send this.' }],
  ['host-not-allowed', { status: 403, title: 'This host name is not served.' }],
  ['not-found', { status: 404, title: 'Not found.' }],
  ['unknown-path', { status: 404, title: 'There is nothing under this path.' }],
  ['unknown-command', { status: 404, title: 'There is no such command.' }],
  ['unknown-command-id', { status: 404, title: 'No command was queued under this id.' }],
  ['unknown-query', { status: 404, title: 'There is no such query.' }],
  ['unknown-aggregate-type', { status: 404, title: 'There is no such aggregate type.' }],
  ['unknown-saga', { status: 404, title: 'There is no such saga.' }],
  ['unknown-view', { status: 404, title: 'There is no such view.' }],
  ['unknown-view-build', { status: 404, title: 'There is no such build of the view.' }],
  ['unknown-processor', { status: 404, title: 'There is no such processor.' }],
  ['method-not-allowed', { status: 405, title: 'This path does not take that method.' }],
  ['request-timeout', { status: 408, title: 'The request took too long.' }],
  ['concurrency', { status: 409, title: 'Others kept changing the aggregate. Send the command again.' }],
  ['command-id-reused', { status: 409, title: 'The idempotency key was used for another command.' }],
  ['view-promoted', { status: 409, title: 'Another build of the view was promoted meanwhile.' }],
  ['view-live', { status: 409, title: 'The build is live.' }],
  ['processor-owned', { status: 409, title: 'The processor is being run.' }],
  ['version-mismatch', { status: 412, title: 'The aggregate has another version.' }],
  ['body-too-large', { status: 413, title: 'The body is too large.' }],
  ['payload-too-large', { status: 413, title: 'The content is larger than the event store accepts.' }],
  ['unsupported-media-type', { status: 415, title: 'Only application/json is accepted.' }],
  ['expectation-failed', { status: 417, title: 'The expectation cannot be met.' }],
  ['headers-too-large', { status: 431, title: 'The headers are too large.' }],
  ['client-gone', { status: 499, title: 'The client has left.' }],
  ['internal', { status: 500, title: 'Something went wrong.', detail: 'The cause is in the log, under this errorId.' }],
  [
    'historical-view',
    {
      status: 500,
      title: 'A view cannot be shown as it was.',
      detail: 'An event up to that moment cannot be processed. Which one, and why, is in the log, under this errorId.',
    },
  ],
  ['consistency-timeout', { status: 503, title: 'The view is not that far yet.', retryAfter: 1 }],
  ['view-not-ready', { status: 503, title: 'The view is being built.', retryAfter: 5 }],
  ['command-queue-full', { status: 503, title: 'Too many commands wait.', retryAfter: 5 }],
  ['too-many-streams', { status: 503, title: 'Too many live streams are open.', retryAfter: 30 }],
  ['application-stopped', { status: 503, title: 'The application does not run.', retryAfter: 5 }],
  ['stopping', { status: 503, title: 'The service is stopping.', retryAfter: 5 }],
  [
    'store-closed',
    { status: 503, title: 'The store is closed.', detail: 'Nothing was stored. Try again later.', retryAfter: 5 },
  ],
  [
    'store-locked',
    { status: 503, title: 'The store is in use.', detail: 'Nothing was stored. Try again later.', retryAfter: 5 },
  ],
  [
    'store-full',
    {
      status: 503,
      title: 'No room is left.',
      detail: 'Nothing was stored. Try again once there is room.',
      retryAfter: 30,
    },
  ],
  [
    'store-unavailable',
    {
      status: 503,
      title: 'The store does not answer.',
      detail: 'Try again with the same Idempotency-Key.',
      retryAfter: 5,
    },
  ],
])
