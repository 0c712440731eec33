/** The HTTP API of any CIM for TypeScript application. */

export type { GateOptions } from './gate.ts'
export { createHttpApi, type HttpApi, type HttpApiOptions, type HttpFault } from './http-api.ts'
export { HttpRequestError, type HttpRequestErrorCode, ListenError, UnprotectedAddressError } from './http-errors.ts'
export { HttpServer, type HttpServerOptions } from './http-server.ts'
export type { Authenticate, Principal } from './principal.ts'
